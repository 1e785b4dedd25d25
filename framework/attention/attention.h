/// attention.h: the contract of an attention variant. The one component in which two runs differ.
///   Axes, in this order everywhere: B batch, H heads, T sequence length, D head_dim.
///   Projections, key normalisation, positions, norms and residuals belong to the model.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "framework/config/run_config.h"

namespace attnlab {

/// What is known when a layer's attention is built.
struct AttentionShape {
  std::int64_t heads = 1;
  std::int64_t head_dim = 1;
  std::int64_t max_length = 1;  // longest T that will come
  config::Causality causality = config::Causality::strict;
  bool shared_keys = true;      // key is query, up to normalisation
  config::KeyNorm key_norm = config::KeyNorm::per_head;
  std::int64_t layer = 0, layers = 1;  // which of how many this one is for
  config::Documents documents = config::Documents::joined;  // isolated: inputs have `documents`
};

/// The first values of a parameter: N(mean, std^2) from a random stream of its own; std 0: all mean.
struct Initial {
  double mean = 0, std = 0;
};

/// What a layer's attention may own, asked for while it is built. The model holds the tensors as
/// "blocks.LAYER.attention.NAME", float32 and on its device; names are lower-case letters, digits
/// and '_', each once. Both throw Error on another name, on sizes below 1, on a mean or std that is not finite.
class Owner {
 public:
  virtual ~Owner() = default;
  /// Trained as the model's own weights are: optimised, clipped, digested, counted. `decay`: weight
  /// decay too. A leaf that requires a gradient and did not come from here ends the run.
  [[nodiscard]] virtual at::Tensor parameter(const std::string& name, at::IntArrayRef sizes,
                                             Initial initial, bool decay = false) = 0;
  /// Not trained, all `value` at first. May be written to in finish_step() alone.
  [[nodiscard]] virtual at::Tensor buffer(const std::string& name, at::IntArrayRef sizes,
                                          double value = 0) = 0;
};

/// All that a random draw may depend on, besides the head. A draw is a pure function of these, so
/// it does not depend on micro-batching, call order or thread count.
struct AttentionContext {
  std::uint64_t run_seed = 0;
  std::int64_t layer = 0;
  std::int64_t step = 0;                         // optimiser step; evaluation uses the step it follows
  std::span<const std::int64_t> sequence_ids{};  // one per batch row; size B
  bool training = true;
  bool statistics = false;  // wanted while training too, at train.log_every; in evaluation always

  [[nodiscard]] bool wants_statistics() const { return statistics || !training; }
};

struct AttentionInput {
  at::Tensor query;   // [B, H, T, D], any strides
  at::Tensor key;     // [B, H, T, D]; normalised as AttentionShape::key_norm says
  at::Tensor value;   // [B, H, T, D]
  at::Tensor hidden;  // [B, T, H*D], the block's normalised input; defined for plugins with kNeedsHidden
  /// [B, T] int32, the number of each token's document, never decreasing along T: a token attends
  /// within its own. Undefined: all are one document. Only plugins with kIsolatesDocuments get it.
  at::Tensor documents{};
};

/// A number, or a tensor of one number on any device, which is read when it is stored: so a training
/// step that reports statistics waits for nothing and can be captured in a CUDA graph.
class StatisticValue {
 public:
  StatisticValue(double number) : number_(number) {}                              // NOLINT
  StatisticValue(const at::Tensor& scalar) : scalar_(scalar.detach()) {}          // NOLINT
  /// Waits for the tensor's device.
  [[nodiscard]] double read() const { return scalar_.defined() ? scalar_.item<double>() : number_; }
  [[nodiscard]] const at::Tensor& tensor() const { return scalar_; }  // undefined for a number

 private:
  double number_ = 0;
  at::Tensor scalar_;
};

/// Something about one forward pass, for the store: ("bucket_load_max", "rows", 63).
struct Statistic {
  std::string name;
  std::string unit;
  StatisticValue value;
};

struct AttentionOutput {
  at::Tensor output;                       // [B, H, T, D]; a row that sees no key is exactly 0
  std::optional<at::Tensor> auxiliary_loss;  // scalar, added to the training loss
  std::vector<Statistic> statistics;       // only filled when context.wants_statistics()
};

/// One layer's attention, used by one thread. Scores are scaled by 1/sqrt(D). Differentiable through autograd.
class Attention {
 public:
  virtual ~Attention() = default;
  [[nodiscard]] virtual AttentionOutput forward(const AttentionInput& input,
                                                const AttentionContext& context) = 0;
  /// Called once after each optimiser step, without gradients: here, and nowhere else, buffers move.
  /// What a step uses of a buffer is what the step before left: forward() only collects, when
  /// context.training, over micro-batches that may come in any order; evaluation changes nothing.
  virtual void finish_step() {}
  /// The sums over sequences that forward() collected since the last finish_step(), counts of rows or
  /// sequences among them: the tensors themselves, for the engine adds up those of all ranks of a run
  /// (train.ranks) in place, the same bits on each, before finish_step(). float32 or float64, on the layer's
  /// device; the same number of them, with the same sizes, at any time, all zero where nothing was
  /// collected. An attention that owns buffers and gives none is refused under ranks.
  [[nodiscard]] virtual std::vector<at::Tensor> collected() { return {}; }
  /// The operator or kernel that really ran in the last forward, as it should stand in the results.
  [[nodiscard]] virtual std::string kernel() const = 0;
};

}  // namespace attnlab
