// all_datasets.cpp: the table of data sets, by hand. A new one is one folder and one line here.
#include "datasets/copy/copy.h"
#include "datasets/digits/digits.h"
#include "datasets/enwik8/enwik8.h"
#include "datasets/mnist/mnist.h"
#include "framework/data/dataset_table.h"

namespace attnlab::data {

const std::vector<DatasetEntry>& dataset_table() {
  static const std::vector<DatasetEntry> table{mnist_entry(), enwik8_entry(), digits_entry(),
                                               copy_entry()};
  return table;
}

}  // namespace attnlab::data
