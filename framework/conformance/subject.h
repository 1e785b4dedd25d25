/// subject.h: a plugin under examination: inputs made for a case, and calls of its attention.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "framework/attention/loader.h"
#include "framework/conformance/case.h"

namespace attnlab::conformance {

/// All that a forward pass depends on.
struct Call {
  at::Tensor query, key, value;  // [B, H, T, D]
  at::Tensor hidden;             // [B, T, H*D]
  std::uint64_t run_seed = 1;
  std::int64_t layer = 0, step = 3;
  std::vector<std::int64_t> ids;  // one per batch row
  bool training = true;
};

/// Random inputs as the model makes them: key = query / |query| per head where keys are shared.
[[nodiscard]] Call make_call(const Case& c);

struct Gradients {
  at::Tensor query, key, value;  // zeros where a plugin leaves one undefined
};

class Subject {
 public:
  explicit Subject(const LoadedPlugin& plugin) : plugin_(plugin) {}

  [[nodiscard]] const plugin::PluginNote& note() const { return plugin_.note(); }
  [[nodiscard]] const LoadedPlugin& plugin() const { return plugin_; }
  [[nodiscard]] bool has(plugin::Trait trait) const { return (note().traits & trait) != 0; }
  /// Empty, or why the plugin refuses this case.
  [[nodiscard]] std::string refuses(const Case& c) const;
  [[nodiscard]] std::unique_ptr<Attention> create(const Case& c) const;

  /// By a fresh attention.
  [[nodiscard]] AttentionOutput run(const Case& c, const Call& call) const;
  [[nodiscard]] at::Tensor output(const Case& c, const Call& call) const;
  /// Of sum(output * weight) by query, key and value.
  [[nodiscard]] Gradients gradients(const Case& c, const Call& call,
                                    const at::Tensor& weight) const;

  /// [B, H, T, T]: what each row takes of each value, read off by values that are unit vectors, D
  /// keys at a time.
  [[nodiscard]] at::Tensor weights(const Case& c, const Call& call) const;

 private:
  const LoadedPlugin& plugin_;
};

/// One call of an attention that exists.
[[nodiscard]] AttentionOutput forward(Attention& attention, const Call& call);

}  // namespace attnlab::conformance
