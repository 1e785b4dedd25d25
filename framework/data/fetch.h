/// fetch.h: downloads a data set's official files: resumed, checked, and in place only when right.
///   A file is written as `<file>.part`; a later call goes on where an earlier one ended. It gets
///   its name when its sha256 is the published one, so a file that is there can be trusted.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "framework/data/dataset_table.h"

namespace attnlab::data {

struct FetchOptions {
  std::string to;               // files go to DIR/<dataset>; empty: ~/.cache/attnlab/<dataset>
  std::string mirror;           // BASE: files are at BASE/<file>; empty: the official addresses
  int tries = 5;                // for each address, while it answers
  double pause_seconds = 1;     // before the second try, doubled before each further one; a server
                                // that asks for more gets it, up to longest_pause
  double longest_pause = 60;
  double connect_seconds = 10;  // to reach an address
  double stall_seconds = 30;    // without progress
  double total_seconds = 0;     // for each try of a file; 0: no limit
  std::function<void(const RemoteFile& file, std::int64_t bytes)> progress;  // must not throw
  std::function<void(const std::string& sentence)> notice;  // of a try that failed; must not throw
};

struct FetchedFile {
  std::filesystem::path path;
  bool downloaded = false;  // false: it was there already, with the right checksum
};

/// All files that the data set needs. Throws Error: which address failed for what reason, wrong
/// checksum (expected and found), no room; and how to get the files by hand.
[[nodiscard]] std::vector<FetchedFile> fetch_dataset(const DatasetEntry& entry,
                                                     const FetchOptions& options);

}  // namespace attnlab::data
