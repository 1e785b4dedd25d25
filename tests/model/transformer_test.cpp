#include "framework/model/transformer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "tests/model/masked_softmax.h"

namespace attnlab::model {
namespace {

using config::Causality;
using config::KeyNorm;
using config::ModelConfig;

constexpr TokenShape kShape{.vocabulary = 11, .length = 13};

ModelConfig small() {
  ModelConfig config;
  config.layers = 2;
  config.width = 12;
  config.heads = 3;
  config.init_std = 0.3;  // large enough that attention matters in the tests
  return config;
}

Transformer make(const ModelConfig& config, std::uint64_t seed = 1) {
  return {config, kShape, seed, at::kCPU,
          [&](std::int64_t) { return std::make_unique<MaskedSoftmax>(config.causality); }};
}

at::Tensor hidden(Transformer& model, const at::Tensor& tokens) {
  const at::NoGradGuard no_grad;
  const std::vector<std::int64_t> ids(static_cast<std::size_t>(tokens.size(0)), 0);
  AttentionContext context;
  context.sequence_ids = ids;
  return model.forward(tokens, context).hidden;
}

at::Tensor some_tokens(std::int64_t length = kShape.length) {
  return (at::arange(2 * length, at::kLong) * 7 % kShape.vocabulary).view({2, length});
}

TEST(Transformer, starts_bit_equal_for_every_attention) {
  const auto config = small();
  const auto softmax = make(config);
  const Transformer none(config, kShape, 1, at::kCPU,
                         [](std::int64_t) { return std::make_unique<NoAttention>(); });
  EXPECT_EQ(digest(softmax.parameters()), digest(none.parameters()));
  EXPECT_EQ(softmax.parameters().count(), none.parameters().count());
}

TEST(Transformer, has_as_many_parameters_as_the_formula_says) {
  const auto config = small();
  const auto c = config.width;
  const std::int64_t block = 2 * c * c + c * c + 2 * 4 * c * c + 2 * c;
  EXPECT_EQ(make(config).parameters().count(),
            (kShape.vocabulary + kShape.length) * c + 2 * block + c);
}

TEST(Transformer, initial_weights_change_with_the_seed) {
  EXPECT_NE(digest(make(small(), 1).parameters()), digest(make(small(), 2).parameters()));
}

TEST(Transformer, initial_weights_have_the_asked_standard_deviation) {
  auto config = small();
  config.width = 120;
  const auto model = make(config);
  const auto std_of = [&](const char* name) {
    return model.parameters().at(name).detach().std().item<double>();
  };
  EXPECT_NEAR(std_of("blocks.0.attention_in"), 0.3, 0.01);
  EXPECT_NEAR(std_of("blocks.1.mlp_out"), 0.3 / 2, 0.01);  // residual: 1 / sqrt(2 * layers)
}

TEST(Transformer, never_sees_later_tokens) {
  for (const auto causality : {Causality::strict, Causality::inclusive}) {
    auto config = small();
    config.causality = causality;
    auto model = make(config);
    const auto tokens = some_tokens();
    auto changed = tokens.clone();
    changed.narrow(1, 6, kShape.length - 6).fill_(3);
    const auto before = hidden(model, tokens).narrow(1, 0, 6);
    const auto after = hidden(model, changed).narrow(1, 0, 6);
    EXPECT_TRUE(at::equal(before, after));
  }
}

TEST(Transformer, sees_earlier_tokens) {
  auto model = make(small());
  const auto tokens = some_tokens();
  auto changed = tokens.clone();
  changed.select(1, 0).fill_(3);
  EXPECT_FALSE(at::equal(hidden(model, tokens).select(1, 5), hidden(model, changed).select(1, 5)));
}

TEST(Transformer, separate_keys_cost_one_projection_a_layer) {
  auto config = small();
  const auto shared = make(config).parameters().count();
  config.shared_keys = false;
  EXPECT_EQ(make(config).parameters().count() - shared,
            config.layers * config.width * config.width);
}

// What the attention of the first layer is given as its key.
at::Tensor key_of(const ModelConfig& config) {
  struct Spy final : Attention {
    at::Tensor* key;
    explicit Spy(at::Tensor* place) : key(place) {}
    AttentionOutput forward(const AttentionInput& input, const AttentionContext& context) override {
      if (context.layer == 0) *key = input.key;
      return {input.value, {}, {}};
    }
    std::string kernel() const override { return "spy"; }
  };
  at::Tensor key;
  Transformer model(config, kShape, 1, at::kCPU,
                    [&](std::int64_t) { return std::make_unique<Spy>(&key); });
  const auto result = hidden(model, some_tokens());
  return key;  // [B, H, T, D]
}

TEST(Transformer, normalises_keys_per_head) {
  const auto norm = at::linalg_vector_norm(key_of(small()), 2, {-1});
  EXPECT_TRUE(at::allclose(norm, at::ones_like(norm), 1e-6, 1e-6));
}

TEST(Transformer, normalises_keys_over_the_whole_width) {
  auto config = small();
  config.key_norm = KeyNorm::whole;
  const auto norm = at::linalg_vector_norm(key_of(config), 2, {1, 3});
  EXPECT_TRUE(at::allclose(norm, at::ones_like(norm), 1e-6, 1e-6));
}

TEST(Transformer, leaves_keys_raw_when_asked) {
  auto config = small();
  config.key_norm = KeyNorm::none;
  const auto norm = at::linalg_vector_norm(key_of(config), 2, {-1});
  EXPECT_FALSE(at::allclose(norm, at::ones_like(norm), 1e-2, 1e-2));
}

TEST(Transformer, takes_a_single_token) {
  auto model = make(small());
  EXPECT_TRUE(at::isfinite(hidden(model, some_tokens(1))).all().item<bool>());
}

TEST(Transformer, refuses_more_tokens_than_positions) {
  auto model = make(small());
  try {
    (void)hidden(model, some_tokens(kShape.length + 1));
    FAIL() << "took too many tokens";
  } catch (const c10::Error& error) {
    EXPECT_NE(std::string(error.what()).find("14 tokens; the model has positions for 13"),
              std::string::npos)
        << error.what();
  }
}

/// Two sequences of three and of two documents.
at::Tensor some_documents() {
  auto numbers = at::zeros({2, kShape.length}, at::kInt);
  for (const auto border : {5, 6}) numbers[0].slice(0, border).add_(1);
  numbers[1].slice(0, 9).add_(4);
  return numbers;
}

at::Tensor hidden(Transformer& model, const at::Tensor& tokens, const at::Tensor& documents) {
  const at::NoGradGuard no_grad;
  const std::vector<std::int64_t> ids(static_cast<std::size_t>(tokens.size(0)), 0);
  return model.forward(tokens, {0, 0, 0, ids, false}, documents).hidden;
}

TEST(Transformer, with_documents_apart_is_each_document_alone) {
  auto config = small();
  config.positions = config::Positions::none;  // which would be those of the window
  auto alone = make(config);
  config.documents = config::Documents::isolated;
  auto apart = make(config);
  const auto tokens = some_tokens(), documents = some_documents();
  const auto together = hidden(apart, tokens, documents);
  const std::int64_t spans[][3]{{0, 0, 5}, {0, 5, 6}, {0, 6, 13}, {1, 0, 9}, {1, 9, 13}};
  for (const auto& [row, begin, end] : spans) {
    const auto own = hidden(alone, tokens.slice(0, row, row + 1).slice(1, begin, end));
    EXPECT_LT((together[row].slice(0, begin, end) - own[0]).abs().max().item<double>(), 1e-5);
  }
  EXPECT_GT((together - hidden(alone, tokens)).abs().max().item<double>(), 1e-3);
}

TEST(Transformer, asks_for_documents_where_it_keeps_them_apart_and_only_there) {
  auto config = small();
  auto joined = make(config);
  const auto tokens = some_tokens();
  EXPECT_TRUE(hidden(joined, tokens, some_documents()).equal(hidden(joined, tokens)));
  config.documents = config::Documents::isolated;
  auto apart = make(config);
  EXPECT_THROW((void)hidden(apart, tokens), c10::Error);
  EXPECT_THROW((void)hidden(apart, tokens, some_documents().slice(0, 0, 1)), c10::Error);
}

}  // namespace
}  // namespace attnlab::model
