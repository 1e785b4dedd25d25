/// train_side.h: one of the two models whose training steps are timed.
#pragma once

#include <cstdint>
#include <optional>

#include "framework/bench/bench.h"
#include "framework/bench/tokens.h"
#include "framework/model/transformer.h"
#include "framework/train/optimizer.h"

namespace attnlab::bench {

/// What an attention says of its pairs.
struct Seen {
  double keys = 0;                  // that a query sees, mean over rows, heads and layers
  std::optional<double> over_even;  // pairs over those of even buckets, mean over layers
};

/// One model with its optimiser, ready to take steps. What it is made with outlives it.
class TrainSide {
 public:
  /// With the weights of setting.trained, where there is one. Throws Error: they are of another model.
  TrainSide(const Setting& setting, const config::TrainConfig& train, std::int64_t vocabulary,
            const Variant& variant, std::int64_t length);

  /// One optimiser step. Returns its loss, not yet read from the device.
  [[nodiscard]] at::Tensor step(const Parts& parts, double learning_rate);

  /// Where the plugin does not tell, keys are those of dense causal attention. Runs one forward in
  /// evaluation.
  [[nodiscard]] Seen look(const train::Batch& part);

  [[nodiscard]] const model::Transformer& model() const { return model_; }

 private:
  const Setting& setting_;
  const config::TrainConfig& train_;
  model::Transformer model_;
  train::AdamW optimizer_;
  std::int64_t step_ = 0;
};

}  // namespace attnlab::bench
