/// tokens.h: what training steps are timed on: batches of a data set, or random tokens.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "framework/data/dataset.h"
#include "framework/train/step.h"

namespace attnlab::bench {

using Parts = std::vector<train::Batch>;  // the micro-batches of one step

/// The same steps for everybody who asks with the same arguments.
class Tokens {
 public:
  virtual ~Tokens() = default;
  [[nodiscard]] virtual Parts next() = 0;
};

struct TokenShape {
  std::uint64_t seed = 0;
  std::int64_t rows = 1, length = 1;  // of a micro-batch
  std::int64_t accumulation = 1;      // micro-batches of a step
  std::int64_t steps = 1;             // that will be asked for at the most
};

/// The steps that a training run of this seed would take. `dataset` and `model`, which they are for,
/// outlive the result.
[[nodiscard]] std::unique_ptr<Tokens> tokens_of(const data::Dataset& dataset, const TokenShape& shape,
                                                const model::Transformer& model);

/// One step of uniformly random tokens, over and over. No attention is learned on them, and the
/// buckets of hashing collapse.
[[nodiscard]] std::unique_ptr<Tokens> random_tokens(std::int64_t vocabulary, const TokenShape& shape,
                                                    at::Device device);

}  // namespace attnlab::bench
