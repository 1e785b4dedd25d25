/// case.h: one situation in which a plugin is checked: shape, dtype, conventions, parameters, seed.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "framework/attention/attention.h"
#include "framework/config/bind.h"
#include "framework/plugin/note.h"

namespace attnlab::conformance {

struct Case {
  std::int64_t B = 1, H = 2, T = 16, D = 16;
  at::ScalarType dtype = at::kFloat;
  config::Causality causality = config::Causality::strict;
  bool shared_keys = true;
  config::Map parameters;  // overrides of the plugin's defaults: {"buckets", 4}
  std::uint64_t seed = 1;
  at::DeviceType device = at::kCPU;

  [[nodiscard]] bool strict() const { return causality == config::Causality::strict; }
  [[nodiscard]] AttentionShape shape() const;
  /// The composed `attention` section.
  [[nodiscard]] config::Node section(const plugin::PluginNote& note) const;
  /// "B=1 H=2 T=16 D=16 float32 strict shared_keys=true seed=1 buckets=4".
  [[nodiscard]] std::string text() const;
};
/// Reads text() back; words that are missing keep their defaults. Throws Error on others.
[[nodiscard]] Case parse_case(const std::string& text, const plugin::PluginNote& note);

/// The same case with other parameters: "buckets=1 drop=0" of a note's dense_when or exact_when.
[[nodiscard]] Case with_overrides(Case base, std::string_view overrides,
                                  const plugin::PluginNote& note);

/// `fixed` shapes first (T = 1, odd, prime, a power of two; each supported causality), then
/// `random` ones whose shapes and parameters are drawn from what the plugin declares.
[[nodiscard]] std::vector<Case> cases(const plugin::PluginNote& note, std::uint64_t seed,
                                      std::int64_t random, at::DeviceType device);

/// Smaller neighbours of a case, the boldest first.
[[nodiscard]] std::vector<Case> smaller(const Case& from, const plugin::PluginNote& note);

}  // namespace attnlab::conformance
