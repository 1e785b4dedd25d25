/// prepare.h: a source of documents to a folder of tokens that a data set trains from
///   (data/corpus_manifest.h): a pass that counts, then a pass that tokenises. Documents are never
///   all in memory, nothing is unpacked to disk, and killed at any moment it can be taken up again.
///
///   Split as Hugging Face's train_test_split(test_size, seed) with shuffle: of N documents, the
///   first ceil(test_size * N) of numpy's default_rng(seed).permutation(N) are for validation. Both
///   parts keep the order of the source.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "framework/corpus/blocks.h"
#include "framework/corpus/journal.h"
#include "framework/corpus/token_maker.h"
#include "framework/data/corpus_manifest.h"

namespace attnlab::corpus {

struct PrepareProgress {
  Phase phase = Phase::count;
  std::int64_t bytes = 0, all_bytes = 0;          // of the source as it lies there
  std::int64_t documents = 0, all_documents = 0;  // all: 0 while counting
  std::int64_t tokens = 0;
};

struct PrepareRequest {
  std::string name;  // "openwebtext2"
  std::filesystem::path source;
  std::optional<data::CorpusSource> official;  // what the file `source` must be
  std::filesystem::path out;                   // made when all is done; until then it is `out`.part
  ReadOptions reading;
  double test_size = 0.0005;
  std::int64_t seed = 2357;
  std::int64_t most_bad = 100;  // bad lines that are skipped
  int threads = 1;              // that tokenise
  double checkpoint_seconds = 5;
  bool restart = false;  // throws away what was begun or prepared before
  std::function<void(const PrepareProgress&)> progress;  // called for each block
  std::function<void(const std::string&)> notice;        // a bad line, a resumption; a sentence
};

struct Prepared {
  data::CorpusManifest manifest;
  bool was_there = false;  // with these settings from this source: nothing was done
};

/// Throws Error: a source that is missing, damaged, cut short, not the official one where that is
/// asked for, or has changed since the preparation began; a folder that may not be written; other
/// settings than those it was begun with; more bad lines than allowed; too few documents to split;
/// no room on the disk; another process at work on it. What was done until then is kept, and the
/// same call goes on from there.
[[nodiscard]] Prepared prepare(const PrepareRequest& request, const TokenMaker& tokens);

/// Which of `documents` are for validation, ascending. Throws Error when either part were empty.
[[nodiscard]] std::vector<std::uint32_t> validation_documents(std::int64_t documents,
                                                              double test_size, std::int64_t seed);

}  // namespace attnlab::corpus
