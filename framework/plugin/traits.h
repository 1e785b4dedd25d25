/// traits.h: what a plugin declares it can do, in words, and whether a use fits it.
///   Standard library only, so `attnlab` can refuse a cell before it starts a worker.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "framework/config/run_config.h"
#include "framework/plugin/note.h"

namespace attnlab::config {
enum class Dtype;  // bench_config.h
class Node;
}  // namespace attnlab::config

namespace attnlab::plugin {

/// How a run wants to use a plugin. Device and dtype are checked only where they are known.
struct Use {
  std::int64_t head_dim = 1;
  config::Causality causality = config::Causality::strict;
  bool shared_keys = true;
  config::Documents documents = config::Documents::joined;
  std::optional<config::Device> device{};
  std::optional<config::Dtype> dtype{};
};

/// Empty, or the first trait that the use violates: what was asked, what the plugin supports.
[[nodiscard]] std::string refusal(const PluginNote& note, const Use& use);

/// Whether not_exact() (parameters.h) has nothing to say.
[[nodiscard]] bool is_exact_softmax(const PluginNote& note, const config::Node& section);

/// One sentence per trait: "runs on cpu and cuda", "each output row is a softmax average ...".
[[nodiscard]] std::vector<std::string> trait_sentences(const PluginNote& note);

}  // namespace attnlab::plugin
