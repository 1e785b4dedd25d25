/// corpus_entry.h: what the data sets over prepared tokens share: their keys, and where they look.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "framework/data/corpus_dataset.h"
#include "framework/data/dataset_table.h"
#include "framework/data/settings.h"

namespace attnlab::data {

/// Keys of their own.
struct CorpusConfig {
  Sampling sampling = Sampling::offsets;

  static constexpr auto fields() {
    return std::tuple{config::choice(
        "sampling", &CorpusConfig::sampling, {"offsets", "epoch"},
        "training windows: from any offset, with replacement; or each window once an epoch")};
  }
};
using CorpusSettings = Settings<CorpusConfig>;

/// dataset.path, which must be a prepared folder or hold one called `tokens`; else such a folder
/// DIR/NAME/tokens, DIR/NAME or DIR in --data, ATTNLAB_DATA and the cache. Throws MissingData.
[[nodiscard]] std::filesystem::path find_corpus(const std::string& name, const std::string& path,
                                                const std::string& data_dir);

/// Completes what corpus_info() leaves open.
using DescribeCorpus = void (*)(const CorpusManifest& manifest, DatasetInfo& info);

/// Sizes are checked, contents are not read. Throws Error.
[[nodiscard]] DatasetInfo inspect_corpus_entry(const std::string& name, const config::Node& section,
                                               const std::string& data_dir,
                                               DescribeCorpus describe);
[[nodiscard]] std::unique_ptr<Dataset> open_corpus_entry(const std::string& name,
                                                         const config::Node& section,
                                                         const std::string& data_dir,
                                                         DescribeCorpus describe);
/// Reads all four files in full. Throws Error.
[[nodiscard]] std::vector<std::string> check_corpus_entry(const std::string& name,
                                                          const config::Node& section,
                                                          const std::string& data_dir);

template <const char* name, DescribeCorpus describe>
[[nodiscard]] DatasetEntry corpus_entry(std::string summary, std::vector<RemoteFile> files) {
  using Section = const config::Node&;
  using Folder = const std::string&;
  return {name,
          std::move(summary),
          parameters_with<CorpusConfig>,
          [](Section section, Folder data_dir) { return open_corpus_entry(name, section, data_dir, describe); },
          [](Section section, Folder data_dir) { return inspect_corpus_entry(name, section, data_dir, describe); },
          [](Section section, Folder data_dir) { return check_corpus_entry(name, section, data_dir); },
          std::move(files),
          true};
}

}  // namespace attnlab::data
