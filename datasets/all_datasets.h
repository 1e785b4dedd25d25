/// all_datasets.h: one function per data set; each folder defines its own.
#pragma once

#include "framework/data/dataset_table.h"

namespace attnlab::data {

[[nodiscard]] DatasetEntry mnist_entry();   // handwritten digits, pixel by pixel
[[nodiscard]] DatasetEntry enwik8_entry();  // Wikipedia, byte by byte
[[nodiscard]] DatasetEntry digits_entry();  // the embedded default: generated, in MNIST's form
[[nodiscard]] DatasetEntry copy_entry();    // random symbols to be repeated
[[nodiscard]] DatasetEntry openwebtext2_entry();  // web pages, as GPT-2 tokens
[[nodiscard]] DatasetEntry text_entry();          // any prepared text

}  // namespace attnlab::data
