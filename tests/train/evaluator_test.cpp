#include "framework/train/evaluator.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>

#include "framework/data/windows.h"
#include "tests/model/masked_softmax.h"

namespace attnlab::train {
namespace {

// A text that repeats nothing, cut into windows.
class Text final : public data::Dataset {
 public:
  Text(std::int64_t length, std::int64_t stride) : windows_(kTokens, length, stride) { info_.metric = "bits_per_char"; }
  static std::int32_t token(std::int64_t i) { return static_cast<std::int32_t>((i * i + i / 3) % 7); }
  const data::DatasetInfo& info() const override { return info_; }
  std::int64_t size(data::Split) const override { return windows_.count(); }
  data::Example get(data::Split, std::int64_t index) const override {
    const auto length = static_cast<std::size_t>(windows_.length);
    data::Example example{std::vector<std::int32_t>(length, 0), std::vector<std::int32_t>(length, -1)};
    for (std::int64_t t = 0; t < windows_.targets(index); ++t) {
      const auto at = static_cast<std::size_t>(t), first = static_cast<std::size_t>(windows_.first(index));
      example.input[at] = token(static_cast<std::int64_t>(first + at));
      if (t >= windows_.context(index)) example.target[at] = token(static_cast<std::int64_t>(first + at) + 1);
    }
    return example;
  }
  static constexpr std::int64_t kTokens = 43;

 private:
  data::Windows windows_;
  data::DatasetInfo info_;
};

// Token by token, each with the context that its window gives it and nothing behind it.
double slowly(model::Transformer& model, std::int64_t length, std::int64_t stride) {
  double nats = 0;
  for (std::int64_t i = 0; i < Text::kTokens; ++i) {
    const auto later = std::max<std::int64_t>(0, i + 1 - length);
    const auto begin = (later + stride - 1) / stride * stride;  // of the first window that reaches it
    std::vector<std::int64_t> input, target;
    for (auto t = begin; t <= i; ++t) input.push_back(Text::token(t)), target.push_back(t == i ? Text::token(i + 1) : -1);
    const auto rows = [](const std::vector<std::int64_t>& ids) { return at::tensor(ids).unsqueeze(0); };
    const std::vector<std::int64_t> ids{0};
    const AttentionContext context{1, 0, 0, ids, /*training=*/false};
    const auto output = model.forward(rows(input), context);
    nats += model.nats(output.hidden, rows(target), 1024).item<double>();
  }
  return nats / Text::kTokens;
}

TEST(Evaluator, a_stride_gives_every_token_the_context_that_it_promises) {
  const at::NoGradGuard no_grad;
  constexpr std::int64_t kLength = 8;
  config::ModelConfig shape;
  shape.layers = 2;
  shape.width = 16;
  shape.heads = 2;
  shape.init_std = 0.3;
  model::Transformer model(shape, {7, kLength}, 1, at::kCPU, [](std::int64_t) -> std::unique_ptr<Attention> {
    return std::make_unique<MaskedSoftmax>(config::Causality::strict);
  });
  config::TrainConfig train;
  train.batch_size = 3;
  std::vector<double> found;
  for (const std::int64_t stride : {8, 5, 3, 1}) {
    const auto result = evaluate({}, train, Text(kLength, stride), model, 0, [] { return true; });
    ASSERT_TRUE(result);
    EXPECT_NEAR(result->nats, slowly(model, kLength, stride), 2e-6) << "stride " << stride;
    found.push_back(result->nats);
  }
  EXPECT_GT(std::abs(found[0] - found[3]), 1e-4) << "or the context would make no difference here";
}

TEST(Evaluator, scores_the_first_sequences_only_when_asked) {
  config::TrainConfig train;
  const Text dataset(2, 2);
  EXPECT_EQ(evaluated_sequences(train, dataset), 22);
  train.eval_sequences = 6;
  EXPECT_EQ(evaluated_sequences(train, dataset), 6);
}

}  // namespace
}  // namespace attnlab::train
