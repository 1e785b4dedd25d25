/// check_case.h: one case of the conformance suite: a shape, how the plugin is used, its parameters
///   and a seed. It can be written and read as text, so that a failure can be repeated.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/config/node.h"
#include "framework/config/run_config.h"
#include "framework/plugin/note.h"

namespace attnlab::plugin {

struct CheckCase {
  std::int64_t batch = 1, heads = 1, length = 1, head_dim = 1;  // B, H, T, D
  std::string dtype = "float32";  // a config word: float32, bfloat16 ...
  config::Causality causality = config::Causality::strict;
  bool shared_keys = true;  // the key is the query, normalised
  std::uint64_t seed = 0;   // of the input and of the run
  config::Map parameters;   // of the plugin, where they are not its defaults
  // What a plugin is told beside its input, and must not take for granted.
  std::int64_t layer = 0, layers = 1;  // which of how many
  std::int64_t max_length = 0;         // longest T that the layer expects; below T: T
  std::int64_t step = 3;               // optimiser step
  config::KeyNorm key_norm = config::KeyNorm::per_head;
  std::int64_t query_scale = 1;  // factor of the queries: 1 gives scores of N(0, 1) / sqrt(D) for unit keys
};

/// "B=1,H=2,T=7,D=16,dtype=float32,causality=strict,shared_keys=true,seed=3", and behind it those of layer,
/// layers, max_length, step, key_norm and query_scale that differ from the above: without parameters.
[[nodiscard]] std::string text(const CheckCase& check);
/// "buckets=4 keys=separate"
[[nodiscard]] std::string parameter_words(const CheckCase& check);

/// The opposite of text(). Fields that are not named keep their values in `start`.
/// Throws Error naming the word: no KEY=VALUE, an unknown key, a value that cannot be.
[[nodiscard]] CheckCase parse_case(const std::string& words, CheckCase start);

/// Throws Error that names `option` where nothing could come of the case: its tensors alone exceed
/// `memory_limit` bytes, or its pairs would take hours.
void expect_feasible(const std::string& option, const CheckCase& check, std::int64_t memory_limit);

/// The case in numbers of attention pairs: cases are tried from small to large.
[[nodiscard]] double cost(const CheckCase& check);

/// Cases that differ from this one in being simpler in one respect, simplest first: shorter, fewer
/// heads, a smaller head_dim that the note allows, one parameter back at its default unless its
/// name is in `fixed`, what the plugin is told beside its input as usual.
[[nodiscard]] std::vector<CheckCase> simpler(const CheckCase& check, const PluginNote& note,
                                             const std::vector<std::string>& fixed);

}  // namespace attnlab::plugin
