#include "framework/bench/tokens.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <numeric>
#include <utility>

namespace attnlab::bench {
namespace {

class DatasetTokens final : public Tokens {
 public:
  DatasetTokens(const data::Dataset& dataset, const TokenShape& shape,
                const model::Transformer& model)
      : model_(model),
        loader_(dataset, {.seed = shape.seed,
                          .batch_size = shape.rows,
                          .accumulation = shape.accumulation,
                          .steps = shape.steps}) {}

  Parts next() override {
    Parts parts;
    for (auto& host : loader_.next()) parts.push_back(train::to_batch(std::move(host), model_));
    return parts;
  }

 private:
  const model::Transformer& model_;
  data::BatchLoader loader_;
};

class RandomTokens final : public Tokens {
 public:
  RandomTokens(std::int64_t vocabulary, const TokenShape& shape, at::Device device) {
    const auto generator = at::detail::createCPUGenerator(shape.seed);
    std::vector<std::int64_t> ids(static_cast<std::size_t>(shape.rows));
    std::iota(ids.begin(), ids.end(), 0);
    for (std::int64_t i = 0; i < shape.accumulation; ++i) {
      const auto tokens =
          at::randint(0, vocabulary, {shape.rows, shape.length + 1}, generator, at::kLong);
      parts_.push_back({tokens.narrow(1, 0, shape.length).contiguous().to(device),
                        tokens.narrow(1, 1, shape.length).contiguous().to(device), ids,
                        shape.rows * shape.length});
    }
  }
  Parts next() override { return parts_; }

 private:
  Parts parts_;
};

}  // namespace

std::unique_ptr<Tokens> tokens_of(const data::Dataset& dataset, const TokenShape& shape,
                                  const model::Transformer& model) {
  return std::make_unique<DatasetTokens>(dataset, shape, model);
}

std::unique_ptr<Tokens> random_tokens(std::int64_t vocabulary, const TokenShape& shape,
                                      at::Device device) {
  return std::make_unique<RandomTokens>(vocabulary, shape, device);
}

}  // namespace attnlab::bench
