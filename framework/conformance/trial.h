/// trial.h: one plugin in one case: how to build it, feed it, and read its attention weights.
///   Axes as in attention.h: B batch, H heads, T length, D head_dim.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "framework/attention/loader.h"
#include "framework/plugin/check_case.h"

namespace attnlab::conformance {

/// What a plugin promised and did not keep.
class Violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A context that owns its sequence ids.
struct Call {
  std::vector<std::int64_t> ids;
  std::uint64_t run_seed = 0;
  std::int64_t layer = 0, step = 3;
  bool training = true;

  [[nodiscard]] AttentionContext context() const { return {run_seed, layer, step, ids, training}; }
};

struct Attended {
  at::Tensor out, dq, dk, dv;  // a gradient that autograd did not give is undefined
};

class Trial {
 public:
  Trial(const LoadedPlugin& plugin, plugin::CheckCase check, at::Device device);

  [[nodiscard]] const plugin::CheckCase& check() const { return check_; }
  [[nodiscard]] bool has(plugin::Trait trait) const { return (plugin_.note().traits & trait) != 0; }
  [[nodiscard]] const plugin::PluginNote& note() const { return plugin_.note(); }
  [[nodiscard]] const LoadedPlugin& plugin() const { return plugin_; }
  [[nodiscard]] bool strict() const { return check_.causality == config::Causality::strict; }
  [[nodiscard]] at::Device device() const { return device_; }
  [[nodiscard]] at::ScalarType dtype() const;
  [[nodiscard]] AttentionShape shape() const;
  [[nodiscard]] config::Node section() const;
  /// The same with all parameters at their defaults.
  [[nodiscard]] Trial plain() const;
  /// The same with the overrides of `words` ("buckets=1 keys=shared") applied.
  [[nodiscard]] Trial with(const std::string& words) const;
  [[nodiscard]] Trial with_dtype(const std::string& dtype) const;

  /// Empty, or why the plugin does not run this case. Throws Error on bad parameters.
  [[nodiscard]] std::string refusal() const;
  /// The plugin itself, without the checks that a run puts around it.
  [[nodiscard]] std::unique_ptr<Attention> build() const;

  /// Pure functions of the case's seed and `which`. query, value ~ N(0, 1); the key as the case
  /// says.
  [[nodiscard]] AttentionInput input(std::uint64_t which = 0) const;
  [[nodiscard]] at::Tensor grad_out() const;
  [[nodiscard]] Call call() const;  // sequence ids 100, 101, ...

  [[nodiscard]] at::Tensor run(const AttentionInput& input, const Call& call) const;
  /// Forward and backward through fresh leaves; the auxiliary loss counts with factor 1.
  [[nodiscard]] Attended attend(const AttentionInput& input, const Call& call) const;
  [[nodiscard]] Attended attend(const AttentionInput& input, const Call& call,
                                const at::Tensor& grad_out) const;

  /// float64 [B, H, T, T]: what output row t takes of value row s. Values are unit vectors, D keys
  /// at a time, so this is exact for whatever is linear in the values.
  [[nodiscard]] at::Tensor weights(const AttentionInput& input, const Call& call) const;

 private:
  const LoadedPlugin& plugin_;
  plugin::CheckCase check_;
  at::Device device_;
};

[[nodiscard]] at::ScalarType dtype_of(const std::string& word);
/// "NAME=VALUE ..." as a map, read like overrides.
[[nodiscard]] config::Map overrides(const std::string& words);

}  // namespace attnlab::conformance
