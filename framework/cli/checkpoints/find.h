/// find.h: the checkpoints of a run, the one that a word on a command line means, and a look at it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "framework/checkpoint/folder.h"
#include "framework/cli/options.h"
#include "framework/launch/worker_protocol.h"
#include "framework/store/reader.h"

namespace attnlab::cli {

struct StoredCheckpoint {
  std::int64_t run = 0, attempt = 1;
  checkpoint::Checkpoint checkpoint;
};

/// Of all attempts at the run's cell, oldest first. `database` is the file that `reader` reads: run
/// folders may have been moved with it.
[[nodiscard]] std::vector<StoredCheckpoint> checkpoints_of(const store::Reader& reader,
                                                           const std::filesystem::path& database,
                                                           std::int64_t run);

/// Why a run has none, or not all of them: the folders of its attempts that are gone, else what lets a run write none.
[[nodiscard]] std::string why_missing(const store::Reader& reader, const std::filesystem::path& database, std::int64_t run);
/// Whether the folder of one of its attempts is gone.
[[nodiscard]] bool folder_is_gone(const store::Reader& reader, const std::filesystem::path& database, std::int64_t run);

/// The folder that `word` means: a path, RUN@STEP, RUN@best (of least validation loss), or RUN, its
/// newest. --db names the database. Throws Error where there is none, with those that there are.
[[nodiscard]] std::filesystem::path find_checkpoint(const std::string& word, const ParsedOptions& parsed);

/// launch::evaluate_in_child() with its progress on stderr, "12 of 100 sequences", unless `quiet`.
[[nodiscard]] std::vector<launch::Report> evaluated(const launch::RunSpec& spec, bool quiet, const std::string& what);

}  // namespace attnlab::cli
