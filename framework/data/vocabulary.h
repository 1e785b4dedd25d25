/// vocabulary.h: the two files of a byte-pair vocabulary: GPT-2's, found, checked and fetched as
/// data
///   sets are (the entry "gpt2_bpe"), or any other in a folder that the user names.
#pragma once

#include <filesystem>
#include <string>

#include "framework/data/dataset_table.h"

namespace attnlab::data {

/// Not in dataset_table(), for nothing trains on it: `open` and `parameters` are null. `inspect`
/// checks both files' sha256.
[[nodiscard]] const DatasetEntry& gpt2_bpe_entry();

/// Data sets and gpt2_bpe: all that `attnlab data` lists, checks and fetches.
[[nodiscard]] std::vector<const DatasetEntry*> entries_with_files();
/// One of these. Throws Error with the nearest names.
[[nodiscard]] const DatasetEntry& entry_with_files(const std::string& name);

struct VocabularyFiles {
  std::filesystem::path vocab_bpe, encoder_json;
};

/// With a `folder`: its vocab.bpe and encoder.json, whatever they hold; Error when one is missing.
/// Without: GPT-2's, from --data (`data_dir`), ATTNLAB_DATA or the cache. Throws MissingData, or
/// Error when a sha256 is not the published one.
[[nodiscard]] VocabularyFiles find_vocabulary(const std::string& folder,
                                              const std::string& data_dir);

}  // namespace attnlab::data
