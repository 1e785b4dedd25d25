/// trial.h: one plugin in one case: how to build it, feed it, and read its attention weights.
///   Axes as in attention.h: B batch, H heads, T length, D head_dim.
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
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

/// Why a case was not looked at. It counts as skipped and not as passed.
class Skipped : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A context that owns its sequence ids.
struct Call {
  std::vector<std::int64_t> ids;
  std::uint64_t run_seed = 0;
  std::int64_t layer = 0, step = 3;
  bool training = true, statistics = false;

  [[nodiscard]] AttentionContext context() const {
    return {run_seed, layer, step, ids, training, statistics};
  }
};

struct Attended {
  at::Tensor out, dq, dk, dv, dh;  // a gradient that autograd did not give is undefined
  // How large scores may be, at least 1, and the terms that add up to rows of dq and dk: all by row norms.
  double scores = 1, dq_terms = 0, dk_terms = 0;
};

/// What goes into a plugin, and where the gradient of it is.
struct Part {
  const char* name;
  at::Tensor AttentionInput::*input;
  at::Tensor Attended::*gradient;
};
inline constexpr std::array kParts{Part{"query", &AttentionInput::query, &Attended::dq},
                                   Part{"key", &AttentionInput::key, &Attended::dk},
                                   Part{"value", &AttentionInput::value, &Attended::dv},
                                   Part{"hidden input", &AttentionInput::hidden, &Attended::dh}};

/// `change` of every tensor that `input` has, of the same documents.
template <class Change>
[[nodiscard]] AttentionInput changed(const AttentionInput& input, Change&& change) {
  AttentionInput result;
  for (const auto& part : kParts) {
    if ((input.*part.input).defined()) result.*part.input = change(input.*part.input);
  }
  result.documents = input.documents;
  return result;
}

/// What was computed of a case before, so that no property does it again.
struct Known {
  std::map<std::uint64_t, AttentionInput> inputs;
  at::Tensor grad_out, weights, out;
  std::optional<Attended> attended;
  at::Tensor mask;           // [B, H, T, T], of ...
  Attended exact, libtorch;  // ... reference() and by_libtorch() (judge.h)
};

/// What all cases of one check share. Not for several threads at once.
struct Subject {
  const LoadedPlugin& plugin;
  at::Device device{at::kCPU};
  config::Map given{};      // parameters that the user fixed; nothing here overrides them
  double memory_limit = 0;  // bytes of tensors; 0: none
  mutable std::map<std::string, Known> known{};  // by case
};

/// How the documents of a case lie: all one; one to six a sequence, one of them of one token, drawn; or,
/// so that every row has a border before it, of one token each, or of two, the first of two or of one.
enum class Layout { joined, drawn, tokens, pairs, later_pairs };

class Trial {
 public:
  Trial(const Subject& subject, plugin::CheckCase check);

  [[nodiscard]] const plugin::CheckCase& check() const { return check_; }
  [[nodiscard]] bool has(plugin::Trait trait) const { return (note().traits & trait) != 0; }
  [[nodiscard]] const plugin::PluginNote& note() const { return subject_->plugin.note(); }
  [[nodiscard]] const Subject& subject() const { return *subject_; }
  [[nodiscard]] bool strict() const { return check_.causality == config::Causality::strict; }
  [[nodiscard]] at::Device device() const { return subject_->device; }
  [[nodiscard]] at::ScalarType dtype() const;
  [[nodiscard]] AttentionShape shape() const;
  [[nodiscard]] config::Node section() const;
  /// The same with what the user fixed and all other parameters at their defaults.
  [[nodiscard]] Trial plain() const;
  /// The same with the overrides of `words` ("buckets=1 keys=shared") applied to parameters that
  /// the user did not fix.
  [[nodiscard]] Trial with(std::string_view words) const;
  [[nodiscard]] Trial with_dtype(const std::string& dtype) const;
  /// The same in evaluation: call() says so, and what needs gradients is not asked for.
  [[nodiscard]] Trial evaluating() const;
  [[nodiscard]] bool evaluates() const { return evaluates_; }
  /// The same with every second key equal to the one before it, and every fifth query zero.
  [[nodiscard]] Trial tied() const;
  /// The same with documents kept apart: shape() says so, and input() has their numbers.
  [[nodiscard]] Trial isolated(Layout layout = Layout::drawn) const;
  /// int32 [B, T] on the CPU.
  [[nodiscard]] at::Tensor documents() const;
  /// The same under parameters with which the plugin declares an exact softmax, or one of scores of
  /// its own. Throws Skipped where the user fixed others.
  [[nodiscard]] Trial exact() const;

  /// Empty, or why the plugin does not run this case. Throws Error on bad parameters.
  [[nodiscard]] std::string refusal() const;
  /// The plugin itself, without the checks that a run puts around it.
  [[nodiscard]] std::unique_ptr<Attention> build() const;

  /// Pure functions of the case's seed and `which`, the caller's to change. query, value ~ N(0, 1); the
  /// key as the case says.
  [[nodiscard]] AttentionInput input(std::uint64_t which = 0) const;
  [[nodiscard]] at::Tensor grad_out() const;
  [[nodiscard]] Call call() const;  // sequence ids 100, 101, ...

  [[nodiscard]] AttentionOutput forward(const AttentionInput& input, const Call& call) const;
  /// attend() and run() of the case's own input and call, computed once for each case.
  [[nodiscard]] const Attended& attended() const;
  [[nodiscard]] at::Tensor ran() const;
  [[nodiscard]] Known& known() const;
  /// The output alone, without a graph.
  [[nodiscard]] at::Tensor run(const AttentionInput& input, const Call& call) const;
  /// Forward and backward through fresh leaves, of the output; with_auxiliary: the auxiliary loss counts
  /// too, with factor 1. It is of all rows, so nothing that is promised of output rows holds for it.
  [[nodiscard]] Attended attend(const AttentionInput& input, const Call& call) const;
  [[nodiscard]] Attended attend(const AttentionInput& input, const Call& call,
                                const at::Tensor& grad_out, bool with_auxiliary = false) const;

  /// What each output row takes of the value rows `keys`, D at most: [B, H, T, keys], in the
  /// case's dtype. Values are unit vectors, so this is exact for whatever is linear in the values.
  [[nodiscard]] at::Tensor weights_of(const std::vector<std::int64_t>& keys) const;
  /// What output row t takes of value row s: [B, H, T, T], read once for each case. Throws Skipped
  /// where it would need too much memory.
  [[nodiscard]] at::Tensor weights() const;
  /// Throws Skipped where `matrices` float64 tensors [B, H, T, T] do not fit the memory limit.
  void expect_room(double matrices) const;

 private:
  [[nodiscard]] AttentionInput drawn(std::uint64_t which) const;

  const Subject* subject_;
  plugin::CheckCase check_;
  Layout layout_ = Layout::joined;
  bool evaluates_ = false, tied_ = false;
};

[[nodiscard]] at::ScalarType dtype_of(const std::string& word);
/// What no |q k| / sqrt(D) is above, by row norms; at least 1.
[[nodiscard]] double score_bound(const AttentionInput& input);
/// float64 ~ N(0, 1), a pure function of shape and seed.
[[nodiscard]] at::Tensor normal(at::IntArrayRef shape, std::uint64_t seed);

}  // namespace attnlab::conformance
