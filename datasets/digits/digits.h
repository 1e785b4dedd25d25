/// digits.h: the embedded default: generated digits in MNIST's form, for machines without data.
#pragma once

#include "framework/data/dataset_table.h"

namespace attnlab::data {
[[nodiscard]] DatasetEntry digits_entry();
}
