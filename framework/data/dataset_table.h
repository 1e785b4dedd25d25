/// dataset_table.h: the data sets by name. The table itself is written by hand in
///   datasets/all_datasets.cpp; a new data set is one folder there and one line in it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "framework/config/bind.h"
#include "framework/core/error.h"
#include "framework/data/dataset.h"

namespace attnlab::data {

/// No file of the data set was found: the message says where it was looked for and how to get it.
class MissingData : public Error {
 public:
  using Error::Error;
};

/// One file as its publisher offers it.
struct RemoteFile {
  std::string name;
  std::int64_t bytes = 0;
  std::string sha256;
  std::vector<std::string> urls;  // tried in order
  bool needed = true;             // false: known and checked when present, never fetched
};

struct DatasetEntry {
  std::string name;
  std::string summary;
  std::vector<config::Parameter> (*parameters)();
  std::unique_ptr<Dataset> (*open)(const config::Node& section, const std::string& data_dir);
  DatasetInfo (*inspect)(const config::Node& section, const std::string& data_dir);
  /// Checks that go beyond open(); one line for each file checked. May be null.
  std::vector<std::string> (*check_more)(const config::Node& section, const std::string& data_dir);
  std::vector<RemoteFile> files;  // none: nothing to fetch
  bool prepared = false;          // made by `attnlab data prepare`, of those files or others
};

[[nodiscard]] const std::vector<DatasetEntry>& dataset_table();
[[nodiscard]] std::vector<std::string> names();

/// Throws Error with the nearest names.
[[nodiscard]] const DatasetEntry& entry(const std::string& name);

/// The keys of the section `dataset` for this data set: the shared ones, then its own.
[[nodiscard]] std::vector<config::Parameter> parameters(const std::string& name);

/// Which images the demo trains on, and why.
struct ImageChoice {
  std::string name;    // "mnist" or "digits"
  std::string reason;  // a sentence
};
/// mnist where it is found and whole; else, if allowed, fetched in one try with a short time limit;
/// else digits. Never throws for a want of data.
[[nodiscard]] ImageChoice default_image_dataset(const std::string& data_dir, bool allow_fetch);

}  // namespace attnlab::data
