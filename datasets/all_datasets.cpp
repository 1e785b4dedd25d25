// all_datasets.cpp: the table of data sets, by hand. A new one is a folder, a function and its name
// here.
#include "datasets/all_datasets.h"

namespace attnlab::data {

const std::vector<DatasetEntry>& dataset_table() {
  static const std::vector<DatasetEntry> table{mnist_entry(), enwik8_entry(),       digits_entry(),
                                               copy_entry(),  openwebtext2_entry(), text_entry()};
  return table;
}

}  // namespace attnlab::data
