/// subject.h: what can be timed: a plugin's attention, the segment engine under a plan of its own,
///   LibTorch's attention.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "framework/attention/loader.h"
#include "framework/bench/inputs.h"
#include "framework/config/bench_config.h"
#include "framework/config/node.h"

namespace attnlab::bench {

/// What is promised about the weights of each output row, and therefore checked.
struct Promise {
  bool softmax = true;  // row t is a softmax average over some set of keys
  bool strict = false;  // none of them at t itself, unless it is the only one
  bool full = false;    // and the set is all that causality allows
};

class Subject {
 public:
  virtual ~Subject() = default;
  /// [B, H, T, D]; differentiable in query, key and value. Every call computes the same function.
  [[nodiscard]] virtual at::Tensor forward(const Inputs& in) = 0;
  /// The operator or kernel that the last forward really ran.
  [[nodiscard]] virtual std::string kernel() const = 0;
  [[nodiscard]] virtual Promise promise() const = 0;
  /// Pairs of query and key over all B and H that a forward on `in` attends, where it can tell.
  [[nodiscard]] virtual std::optional<double> pairs(const Inputs& in) {
    static_cast<void>(in);
    return std::nullopt;
  }
};

/// The subject that the section `attention` names; `plugin` where that is a plugin.
/// Throws Error: what its author refuses, or a length that the segments do not divide.
[[nodiscard]] std::unique_ptr<Subject> make_subject(const config::Node& section,
                                                    const AttentionShape& shape,
                                                    const LoadedPlugin* plugin, const Inputs& in,
                                                    std::uint64_t seed);

/// causal (inclusive) attention by LibTorch. On a GPU `back_end` may force "cudnn" or "flash".
[[nodiscard]] std::unique_ptr<Subject> make_sdpa(const std::string& back_end = "");

}  // namespace attnlab::bench
