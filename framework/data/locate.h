/// locate.h: where data files are looked for, and what to say when they are not there.
///   Order: --data DIR, ATTNLAB_DATA, ~/.cache/attnlab; in each DIR/<dataset>/<file>, then
///   DIR/<file>. A `dataset.path` is looked in alone.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "framework/data/dataset_table.h"

namespace attnlab::data {

struct Place {
  std::filesystem::path folder;
  std::string origin;  // "--data", "ATTNLAB_DATA", "the cache", "dataset.path"
};

/// The folders in the order in which they are searched. `path` is dataset.path, may be empty.
/// Throws Error when it is neither file nor folder.
[[nodiscard]] std::vector<Place> search_places(const std::string& dataset,
                                               const std::string& data_dir,
                                               const std::string& path = {});

/// The first file of one of these names: all names in one folder before the next folder.
[[nodiscard]] std::optional<std::filesystem::path> find_file(const std::vector<Place>& places,
                                                             const std::vector<std::string>& names);

/// Where `attnlab data fetch` puts files: DIR/<dataset>, or ~/.cache/attnlab/<dataset>.
/// Throws Error without a home folder.
[[nodiscard]] std::filesystem::path download_folder(const std::string& dataset,
                                                    const std::string& to = {});

/// What to download, from where, its size and sha256, and where to put it: several lines.
[[nodiscard]] std::string how_to_get_by_hand(const DatasetEntry& entry,
                                             const std::string& folder = {});

/// "mnist: no 'x' was found. Looked in: ..., Run ..., or without network: ...". `hint` may be
/// empty.
[[noreturn]] void throw_missing(const DatasetEntry& entry, const std::string& wanted,
                                const std::vector<Place>& places, const std::string& hint = {});

}  // namespace attnlab::data
