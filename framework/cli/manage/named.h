/// named.h: the runs that a command which changes them is about.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/cli/options.h"
#include "framework/store/reader.h"

namespace attnlab::cli {

struct NamedRun {
  std::int64_t id = 0;
  std::string label;  // "run 3 (hash_sparse, seed 0, done)"
};

[[nodiscard]] std::vector<std::int64_t> numbers_of(const std::vector<NamedRun>& runs);

/// "1 run", "12,345 runs"
[[nodiscard]] std::string counted(std::int64_t number, const std::string& what);

/// Those that the words name, or those that --study, --status, --tag and --where choose. Throws a usage
/// Error where there are both or neither: nothing is changed because something was left out.
[[nodiscard]] std::vector<NamedRun> named_runs(const ParsedOptions& parsed, const store::Reader& reader,
                                               const std::string& command);

}  // namespace attnlab::cli
