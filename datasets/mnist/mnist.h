/// mnist.h: MNIST from the official IDX files, pixel by pixel.
#pragma once

#include "framework/data/dataset_table.h"

namespace attnlab::data {
[[nodiscard]] DatasetEntry mnist_entry();
}
