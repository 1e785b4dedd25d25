/// candidates.h: the words that could stand next on a line of `attnlab`.
///   Nothing here writes, loads a plugin or waits for a lock; what cannot be read offers nothing. No function throws.
#pragma once

#include <string>
#include <vector>

#include "framework/cli/options.h"

namespace attnlab::cli {

struct Candidates {
  std::vector<std::string> words;  // whole words; those that do not begin with what is typed are for the caller to leave out
  bool files = false;              // a path is expected, which the shell completes itself
};

/// `words`: those behind "attnlab", whole; `current`: the begun one. `probe` is asked what a command takes (Probe).
[[nodiscard]] Candidates candidates(const std::vector<std::string>& words, const std::string& current,
                                    int (*probe)(Arguments));

/// Of a key=value or of the keys, for commands that take a run's config. `words`: those before it, which may name
/// the attention and the data set.
[[nodiscard]] std::vector<std::string> override_words(const std::vector<std::string>& words, const std::string& current);

/// Variants that can be named: attnlab's own and those that the plugin folders have.
[[nodiscard]] std::vector<std::string> plugin_names();

/// The first column of a read-only query, at most 500 rows.
[[nodiscard]] std::vector<std::string> from_database(const std::string& database, const std::string& sql);

}  // namespace attnlab::cli
