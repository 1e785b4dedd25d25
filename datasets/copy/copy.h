/// copy.h: random symbols, a separator, the same symbols again; only the repeat is scored.
#pragma once

#include "framework/data/dataset_table.h"

namespace attnlab::data {
[[nodiscard]] DatasetEntry copy_entry();
}
