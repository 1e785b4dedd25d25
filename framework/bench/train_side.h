/// train_side.h: one model with its optimiser, ready to take steps.
#pragma once

#include "framework/bench/train_bench.h"
#include "framework/model/transformer.h"
#include "framework/train/optimizer.h"

namespace attnlab::bench {

/// int64 [A, B, T]: micro-batches of uniformly random tokens, and what follows each of them.
struct TokenBatch {
  at::Tensor input, target;
};
[[nodiscard]] TokenBatch random_tokens(const TrainBench& request, std::int64_t batch,
                                       std::int64_t length);

class TrainSide {
 public:
  TrainSide(const TrainBench& request, const Variant& variant, std::int64_t length);

  /// One optimiser step. Returns its loss, not yet read from the device.
  at::Tensor step(const TokenBatch& tokens);
  /// Keys that a query sees, mean over rows, heads and layers; as dense causal attention would
  /// where the plugin does not tell. Runs one forward in evaluation.
  [[nodiscard]] double keys_per_query(const TokenBatch& tokens);
  [[nodiscard]] std::string kernel() const { return model_.kernel(); }
  [[nodiscard]] std::int64_t parameters() const { return model_.parameters().count(); }

 private:
  [[nodiscard]] AttentionContext context(std::int64_t rows, bool training);

  const TrainBench& request_;
  std::int64_t length_;
  model::Transformer model_;
  train::AdamW optimizer_;
  std::vector<std::int64_t> ids_;
  std::int64_t step_ = 0;
};

}  // namespace attnlab::bench
