// Positions of the model: learned, turned into queries and keys, or none.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "framework/model/rotary.h"
#include "framework/model/transformer.h"
#include "tests/model/masked_softmax.h"

namespace attnlab::model {
namespace {

using config::KeyNorm;
using config::Positions;

constexpr TokenShape kPositionsShape{.vocabulary = 11, .length = 13};

config::ModelConfig small(Positions positions) {
  config::ModelConfig config;
  config.layers = 1;  // so that without positions a token's past is a set
  config.width = 12;
  config.heads = 3;
  config.init_std = 0.3;
  config.positions = positions;
  return config;
}

Transformer make_positioned(const config::ModelConfig& config) {
  return {config, kPositionsShape, 1, at::kCPU,
          [&](std::int64_t) { return std::make_unique<MaskedSoftmax>(config.causality); }};
}

at::Tensor last_hidden(Transformer& model, const at::Tensor& tokens) {
  const at::NoGradGuard no_grad;
  const std::vector<std::int64_t> ids(static_cast<std::size_t>(tokens.size(0)), 0);
  return model.forward(tokens, {0, 0, 0, ids, false}).hidden;
}

at::Tensor some_rows(at::IntArrayRef sizes, at::ScalarType dtype = at::kDouble) {
  at::manual_seed(7);
  return at::randn(sizes, at::kDouble).to(dtype);
}

TEST(Rotary, turns_each_plane_by_its_angle) {
  const Rotary rotary(50, 2, 6, 100, at::kCPU);
  const auto x = some_rows({1, 50, 2, 6});
  const auto turned = rotary.turn(x);
  for (const std::int64_t t : {0, 1, 7, 49}) {
    for (const std::int64_t i : {0, 1, 2}) {
      const double angle = static_cast<double>(t) * std::pow(100.0, -2.0 * static_cast<double>(i) / 6);
      const auto at = [&](const at::Tensor& rows, std::int64_t channel) {
        return rows[0][t][1][channel].item<double>();
      };
      const double a = at(x, 2 * i), b = at(x, 2 * i + 1);
      EXPECT_NEAR(at(turned, 2 * i), a * std::cos(angle) - b * std::sin(angle), 1e-6);
      EXPECT_NEAR(at(turned, 2 * i + 1), a * std::sin(angle) + b * std::cos(angle), 1e-6);
    }
  }
}

TEST(Rotary, scores_depend_on_the_distance_alone) {
  const Rotary rotary(1024, 1, 32, 10000, at::kCPU);
  const auto query = some_rows({1, 1, 1, 32}), key = some_rows({1, 2, 1, 32}).narrow(1, 1, 1);
  const auto q = rotary.turn(query.expand({1, 1024, 1, 32}).contiguous()).squeeze();
  const auto k = rotary.turn(key.expand({1, 1024, 1, 32}).contiguous()).squeeze();
  const auto scores = at::matmul(q, k.t());  // [t, s]
  for (const std::int64_t distance : {0, 1, 100, 1000}) {
    const auto same = scores.diagonal(-distance);
    EXPECT_LT((same - same[0]).abs().max().item<double>(), 1e-5) << distance;
  }
  EXPECT_GT((scores.diagonal(-1)[0] - scores.diagonal(-100)[0]).abs().item<double>(), 0.1);
}

TEST(Rotary, keeps_lengths_and_rounds_once) {
  const Rotary rotary(9, 2, 16, 10000, at::kCPU);
  const auto x = some_rows({3, 9, 2, 16}, at::kFloat);
  const auto length = [](const at::Tensor& rows) { return at::linalg_vector_norm(rows, 2, {-1}); };
  EXPECT_TRUE(at::allclose(length(rotary.turn(x)), length(x), 1e-6, 0));
  for (const auto dtype : {at::kBFloat16, at::kHalf}) {
    const auto narrow = x.to(dtype);
    EXPECT_TRUE(at::equal(rotary.turn(narrow), rotary.turn(narrow.to(at::kFloat)).to(dtype)));
  }
}

TEST(Rotary, takes_rows_of_any_strides_and_any_shorter_length) {
  const Rotary rotary(9, 2, 16, 10000, at::kCPU);
  const auto wide = some_rows({3, 9, 64}, at::kFloat);
  const auto part = wide.narrow(2, 32, 32).view({3, 9, 2, 16});
  EXPECT_TRUE(at::equal(rotary.turn(part), rotary.turn(part.contiguous())));
  EXPECT_TRUE(at::equal(rotary.turn(part.narrow(1, 0, 4)), rotary.turn(part).narrow(1, 0, 4)));
}

TEST(Rotary, has_the_gradient_of_finite_differences) {
  const Rotary rotary(5, 2, 4, 100, at::kCPU);
  const auto weight = some_rows({2, 2, 5, 4}).transpose(1, 2);  // strides that attention gives back
  auto x = some_rows({2, 5, 2, 4}).contiguous().set_requires_grad(true);
  (rotary.turn(x) * weight).sin().sum().backward();
  const at::NoGradGuard no_grad;
  const auto value = [&](const at::Tensor& at) {
    return (rotary.turn(at) * weight).sin().sum().item<double>();
  };
  constexpr double kStep = 1e-5;
  const auto flat = x.detach().flatten();
  for (std::int64_t i = 0; i < flat.numel(); ++i) {
    auto above = flat.clone(), below = flat.clone();
    above[i] += kStep;
    below[i] -= kStep;
    const double slope = (value(above.view(x.sizes())) - value(below.view(x.sizes()))) / (2 * kStep);
    EXPECT_NEAR(x.grad().flatten()[i].item<double>(), slope, 1e-8) << i;
  }
}

TEST(Positions, all_other_weights_start_with_the_same_bits) {
  const auto learned = make_positioned(small(Positions::learned));
  for (const auto positions : {Positions::rope, Positions::none}) {
    const auto other = make_positioned(small(positions));
    EXPECT_FALSE(other.parameters().has("position_embedding"));
    EXPECT_EQ(other.parameters().all().size() + 1, learned.parameters().all().size());
    for (const auto& [name, role, value] : other.parameters().all()) {
      EXPECT_TRUE(at::equal(value, learned.parameters().at(name))) << name;
    }
  }
}

TEST(Positions, tell_an_order_of_earlier_tokens_or_do_not) {
  const auto tokens = at::arange(kPositionsShape.length, at::kLong).remainder(kPositionsShape.vocabulary).view({1, -1});
  auto swapped = tokens.clone();
  swapped[0][1] = tokens[0][4];
  swapped[0][4] = tokens[0][1];
  const auto change = [&](Positions positions) {
    auto model = make_positioned(small(positions));
    const auto last = kPositionsShape.length - 1;
    return (last_hidden(model, tokens)[0][last] - last_hidden(model, swapped)[0][last]).abs().max().item<float>();
  };
  EXPECT_GT(change(Positions::learned), 1e-2F);
  EXPECT_GT(change(Positions::rope), 1e-2F);
  EXPECT_LT(change(Positions::none), 1e-5F);
}

// What the attention is given.
AttentionInput input_of(const config::ModelConfig& config) {
  struct Spy final : Attention {
    AttentionInput* seen;
    explicit Spy(AttentionInput* place) : seen(place) {}
    AttentionOutput forward(const AttentionInput& input, const AttentionContext&) override {
      *seen = input;
      return {input.value, {}, {}};
    }
    std::string kernel() const override { return "spy"; }
  };
  AttentionInput seen;
  Transformer model(config, kPositionsShape, 1, at::kCPU,
                    [&](std::int64_t) { return std::make_unique<Spy>(&seen); });
  static_cast<void>(last_hidden(model, at::ones({2, kPositionsShape.length}, at::kLong)));
  return seen;
}

at::Tensor length_of(const at::Tensor& rows, at::IntArrayRef axes) {
  return at::linalg_vector_norm(rows, 2, axes, /*keepdim=*/true);
}

TEST(Positions, turned_keys_are_still_normalised_and_shared) {
  auto config = small(Positions::rope);
  const auto input = input_of(config);
  const auto &query = input.query, &key = input.key, &value = input.value;
  EXPECT_TRUE(at::allclose(key, query / length_of(query, {-1}), 1e-6, 1e-6));
  EXPECT_TRUE(at::allclose(length_of(key, {-1}), at::ones({}), 1e-6, 1e-6));
  EXPECT_FALSE(at::allclose(key.select(2, 0), key.select(2, 3), 1e-2, 1e-2)) << "equal tokens, turned";
  EXPECT_TRUE(at::allclose(value.select(2, 0), value.select(2, 3))) << "values are not";
  config.key_norm = KeyNorm::whole;
  const auto whole = length_of(input_of(config).key, {1, 3});
  EXPECT_TRUE(at::allclose(whole, at::ones_like(whole), 1e-6, 1e-6));
}

TEST(Positions, keys_of_their_own_are_turned_too) {
  auto config = small(Positions::rope);
  config.shared_keys = false;
  config.key_norm = KeyNorm::none;
  const auto turned = input_of(config);
  config.positions = Positions::none;
  const auto plain = input_of(config);
  const Rotary rotary(kPositionsShape.length, 3, 4, config.rope_base, at::kCPU);
  const auto expected = [&](const at::Tensor& rows) {
    return rotary.turn(rows.transpose(1, 2).contiguous()).transpose(1, 2);
  };
  EXPECT_TRUE(at::allclose(turned.query, expected(plain.query), 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(turned.key, expected(plain.key), 1e-5, 1e-6));
  EXPECT_FALSE(at::allclose(turned.key, turned.query, 1e-2, 1e-2));
}

}  // namespace
}  // namespace attnlab::model
