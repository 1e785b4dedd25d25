/// subject.h: the tensors of one timing, and what can be timed on them: a plugin's attention, the
///   segment engine under a plan of its own,
///   LibTorch's attention.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "framework/attention/loader.h"
#include "framework/config/bench_config.h"
#include "framework/config/node.h"
#include "framework/config/run_config.h"

namespace attnlab::bench {

struct Shape {
  std::int64_t batch = 1, heads = 1, length = 1, head_dim = 1;  // B, H, T, D
};

/// All [B, H, T, D] in one dtype on one device; query, key and value are leaves with gradients.
struct Inputs {
  at::Tensor query, key, value, grad_out;
  [[nodiscard]] Shape shape() const;
};

/// query, value and grad_out ~ N(0, 1), drawn on the CPU in float32, so that a seed means the same
/// values for every dtype and device. The key is the query where `shared_keys`, else drawn like it;
/// unless KeyNorm::none each head's key is k / |k|, as the model makes it.
[[nodiscard]] Inputs make_inputs(const Shape& shape, bool shared_keys, config::KeyNorm key_norm,
                                 std::uint64_t seed, at::ScalarType dtype, at::Device device);

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
  /// These over the pairs of even buckets, where a plugin reports it.
  [[nodiscard]] virtual std::optional<double> pairs_over_even(const Inputs& in) {
    static_cast<void>(in);
    return std::nullopt;
  }
};

/// Why the subject that the section `attention` names, no plugin, cannot have this length; empty
/// where it can.
[[nodiscard]] std::string subject_refuses(const config::Node& section, std::int64_t length);

/// The subject that the section `attention` names; `plugin` where that is a plugin.
/// Throws Error: what its author or subject_refuses() refuses.
[[nodiscard]] std::unique_ptr<Subject> make_subject(const config::Node& section,
                                                    const AttentionShape& shape,
                                                    const LoadedPlugin* plugin, const Inputs& in,
                                                    std::uint64_t seed);

/// causal (inclusive) attention by LibTorch. On a GPU `back_end` may force "cudnn" or "flash".
[[nodiscard]] std::unique_ptr<Subject> make_sdpa(const std::string& back_end = "");

}  // namespace attnlab::bench
