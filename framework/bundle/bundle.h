/// bundle.h: a study with all that belongs to it as one file that can be taken along, and back into a
///   database of another machine. Everything throws Error.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "framework/store/merge.h"

namespace attnlab::bundle {

enum class Checkpoints { none, best, all };  // best: of each attempt the one of least validation loss, else its newest
[[nodiscard]] std::string_view to_text(Checkpoints checkpoints);

struct ExportRequest {
  std::filesystem::path database, file;
  std::string study;  // empty: all
  Checkpoints checkpoints = Checkpoints::best;
  std::string made;   // when, in words
};

struct Exported {
  std::int64_t runs = 0, logs = 0, checkpoints = 0;
  std::int64_t bytes = 0, packed_bytes = 0;
  std::vector<std::string> left_out;  // in words: checkpoints that are not whole, pages that nobody can make
};

/// One state of the database, a page for each study, the config of each run, logs and checkpoints. Runs may go
/// on meanwhile. The file appears when it is whole.
[[nodiscard]] Exported export_bundle(const ExportRequest& request);

struct Imported {
  store::Merged merged;
  std::int64_t logs = 0, checkpoints = 0;  // that were not here before
  std::string from;                        // the database that was packed
};

/// Checks all of the bundle before anything changes, then merges its runs into `database`, which is made where
/// it is missing; their files go to folders beside it, as `attnlab run` has them. What is here already stays:
/// twice is once, and what was cut off is finished by the next time.
[[nodiscard]] Imported import_bundle(const std::filesystem::path& file, const std::filesystem::path& database);

}  // namespace attnlab::bundle
