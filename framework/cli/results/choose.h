/// choose.h: --study, --status, --tag and --where: which runs a command is about; and one by its word.
#pragma once

#include <cstdint>
#include <string>

#include "framework/cli/options.h"
#include "framework/store/reader.h"

namespace attnlab::cli {

void add_choosing_options(Options& options);
/// Whether one of them was given.
[[nodiscard]] bool chooses(const ParsedOptions& parsed);

/// "FROM runs WHERE ..." and its parameters.
struct Choice {
  std::string sql;
  store::Row parameters;
};
/// Throws Error on a study or a status that there is none of.
[[nodiscard]] Choice choice_of(const ParsedOptions& parsed, const store::Reader& reader);

/// A run's number, or the first digits of a fingerprint, where it means the attempt that is done, else
/// the newest. Throws Error where there is none, or several.
[[nodiscard]] std::int64_t find_run(const store::Reader& reader, const std::string& word);

}  // namespace attnlab::cli
