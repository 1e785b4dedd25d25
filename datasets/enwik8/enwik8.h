/// enwik8.h: the first 100,000,000 bytes of the English Wikipedia of 2006-03-03, byte by byte.
#pragma once

#include "framework/data/dataset_table.h"

namespace attnlab::data {
[[nodiscard]] DatasetEntry enwik8_entry();
}
