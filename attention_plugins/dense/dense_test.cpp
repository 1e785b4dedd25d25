#include <gmock/gmock.h>

#include <array>

#include "tests/support/plugin_case.h"
#include "tests/support/tolerance.h"

namespace attnlab::test {
namespace {

using config::Causality;

constexpr std::array kKernels{"libtorch", "engine", "automatic"};

std::unique_ptr<Attention> dense(Causality causality, const char* kernel = "automatic") {
  const AttentionShape shape{.heads = 2, .head_dim = 16, .max_length = 64, .causality = causality};
  return load_plugin(built_plugin("dense")).create(shape, section("dense", {{"kernel", kernel}}));
}

void expect_exact(const char* kernel, Causality causality, std::int64_t length,
                  at::ScalarType dtype) {
  SCOPED_TRACE(kernel);
  const RandomInput random({2, 2, length, 16}, dtype);
  const ContextCase context(2);
  const auto plugin = dense(causality, kernel);
  const auto mask =
      causal_mask(length, causality == Causality::strict).expand({2, 2, length, length});
  expect_matches_reference(
      [&](const auto& q, const auto& k, const auto& v) {
        return plugin->forward({q, k, v, {}}, context.context).output;
      },
      random.query, random.key, random.value, random.grad_out, mask);
}

void expect_exact(Causality causality, std::int64_t length, at::ScalarType dtype) {
  for (const auto* kernel : kKernels) expect_exact(kernel, causality, length, dtype);
}

TEST(Dense, strict_is_exact_in_float32) { expect_exact(Causality::strict, 37, at::kFloat); }
TEST(Dense, strict_is_exact_in_float64) { expect_exact(Causality::strict, 37, at::kDouble); }
TEST(Dense, strict_is_exact_in_bfloat16) { expect_exact(Causality::strict, 37, at::kBFloat16); }
TEST(Dense, strict_is_exact_in_float16) { expect_exact(Causality::strict, 37, at::kHalf); }
TEST(Dense, inclusive_is_exact_in_float32) { expect_exact(Causality::inclusive, 37, at::kFloat); }
TEST(Dense, inclusive_is_exact_in_float64) { expect_exact(Causality::inclusive, 37, at::kDouble); }
TEST(Dense, inclusive_is_exact_in_bfloat16) {
  expect_exact(Causality::inclusive, 37, at::kBFloat16);
}
TEST(Dense, two_tokens_are_exact) {
  for (const auto dtype : {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf}) {
    expect_exact(Causality::strict, 2, dtype);
    expect_exact(Causality::inclusive, 2, dtype);
  }
}

TEST(Dense, a_single_key_has_no_gradient_in_query_and_key) {
  const auto check = [](const char* kernel, Causality causality, std::int64_t length) {
    SCOPED_TRACE(kernel);
    const RandomInput random({2, 2, length, 16}, at::kFloat);
    const ContextCase context(2);
    const auto plugin = dense(causality, kernel);
    const auto got = attend(
        [&](const auto& q, const auto& k, const auto& v) {
          return plugin->forward({q, k, v, {}}, context.context).output;
        },
        random.query, random.key, random.value, random.grad_out);
    EXPECT_EQ(largest(got.dq), 0.0);
    EXPECT_EQ(largest(got.dk), 0.0);
    EXPECT_GT(largest(got.dv), 0.0);
    return plugin->kernel();
  };
  for (const auto* kernel : kKernels) {
    check(kernel, Causality::strict, 2);
    check(kernel, Causality::inclusive, 1);
  }
  EXPECT_EQ(check("libtorch", Causality::strict, 2), "_scaled_dot_product_attention_math");
}

TEST(Dense, three_tokens_are_exact) { expect_exact(Causality::strict, 3, at::kFloat); }
TEST(Dense, one_strict_token_gives_zeros) { expect_exact(Causality::strict, 1, at::kFloat); }
TEST(Dense, one_inclusive_token_gives_its_value) {
  expect_exact(Causality::inclusive, 1, at::kFloat);
}

TEST(Dense, the_second_of_two_strict_tokens_gets_the_first_ones_value) {
  const RandomInput random({2, 2, 2, 16}, at::kFloat);
  const ContextCase context(2);
  const auto output = dense(Causality::strict)->forward(random.input(), context.context).output;
  EXPECT_TRUE(at::equal(output.select(2, 1), random.value.select(2, 0)));
}

TEST(Dense, keeps_documents_apart_by_every_kernel) {
  const std::int64_t T = 37;
  auto numbers = at::zeros({2, T}, at::kInt);
  for (const auto border : {1, 9, 10, 30}) numbers[0].slice(0, border).add_(2);
  const auto same = numbers.unsqueeze(2).eq(numbers.unsqueeze(1)).unsqueeze(1);
  const ContextCase context(2);
  for (const auto causality : {Causality::strict, Causality::inclusive}) {
    const auto mask =
        same.logical_and(causal_mask(T, causality == Causality::strict)).expand({2, 2, T, T});
    for (const auto* kernel : kKernels) {
      for (const auto dtype : {at::kFloat, at::kDouble, at::kBFloat16}) {
        SCOPED_TRACE(std::string(kernel) + toString(dtype));
        const RandomInput random({2, 2, T, 16}, dtype);
        const auto plugin = dense(causality, kernel);
        expect_matches_reference(
            [&](const auto& q, const auto& k, const auto& v) {
              return plugin->forward({q, k, v, {}, numbers}, context.context).output;
            },
            random.query, random.key, random.value, random.grad_out, mask);
      }
    }
    const RandomInput random({2, 2, T, 16}, at::kFloat);
    ContextCase scored(2);
    scored.context.training = false;
    auto input = random.input();
    input.documents = numbers;
    const auto output = dense(causality)->forward(input, scored.context);
    EXPECT_NEAR(output.statistics.at(0).value.read(), mask.sum(-1).to(at::kDouble).mean().item<double>(),
                1e-9);
  }
}

TEST(Dense, strides_do_not_matter) {
  const RandomInput random({2, 2, 33, 16}, at::kFloat);
  const ContextCase context(2);
  const auto plugin = dense(Causality::strict);
  const auto strided = [](const at::Tensor& t) {
    return t.transpose(1, 2).contiguous().transpose(1, 2);
  };
  const auto plain = plugin->forward(random.input(), context.context).output;
  const AttentionInput other{strided(random.query), strided(random.key), strided(random.value), {}};
  EXPECT_LE(largest(plugin->forward(other, context.context).output - plain), 1e-6);
}

TEST(Dense, the_future_does_not_reach_the_past) {
  const RandomInput random({1, 2, 24, 16}, at::kFloat), other({1, 2, 24, 16}, at::kFloat, true, 2);
  const ContextCase context(1);
  const auto plugin = dense(Causality::strict);
  const auto mixed = [](const at::Tensor& past, const at::Tensor& future) {
    return at::cat({past.slice(2, 0, 12), future.slice(2, 12)}, 2);
  };
  const AttentionInput changed{mixed(random.query, other.query),
                               mixed(random.key, other.key),
                               mixed(random.value, other.value),
                               {}};
  const auto before = plugin->forward(random.input(), context.context).output.slice(2, 0, 12);
  const auto after = plugin->forward(changed, context.context).output.slice(2, 0, 12);
  EXPECT_TRUE(at::equal(before, after));
}

TEST(Dense, the_engine_computes_what_it_is_faster_at) {
  const ContextCase context(2);
  const auto kernel = [&](const char* choice, at::ScalarType dtype) {
    const auto plugin = dense(Causality::strict, choice);
    (void)plugin->forward(RandomInput({2, 2, 32, 16}, dtype).input(), context.context);
    return plugin->kernel();
  };
  EXPECT_THAT(kernel("automatic", at::kFloat), ::testing::StartsWith("segment_attention cpu"));
  EXPECT_THAT(kernel("automatic", at::kBFloat16), ::testing::StartsWith("segment_attention cpu"));
  EXPECT_THAT(kernel("automatic", at::kDouble), ::testing::StartsWith("_scaled_dot_product"));
  EXPECT_THAT(kernel("engine", at::kDouble), ::testing::StartsWith("segment_attention cpu"));
  EXPECT_THAT(kernel("libtorch", at::kFloat), ::testing::StartsWith("_scaled_dot_product"));
}

TEST(Dense, kernel_is_the_operator_that_ran) {
  const ContextCase context(2);
  const auto plugin = dense(Causality::strict, "libtorch");
  EXPECT_EQ(plugin->kernel(), "not run yet");
  (void)plugin->forward(RandomInput({2, 2, 32, 16}, at::kFloat).input(), context.context);
  EXPECT_EQ(plugin->kernel(), "_scaled_dot_product_flash_attention_for_cpu");
  (void)plugin->forward(RandomInput({2, 2, 32, 16}, at::kFloat).input(), context.context);
  EXPECT_EQ(plugin->kernel(), "_scaled_dot_product_flash_attention_for_cpu") << "remembered";
}

TEST(Dense, another_operator_is_noticed) {
  const ContextCase context(2);
  const auto plugin = dense(Causality::strict, "libtorch");
  (void)plugin->forward(RandomInput({2, 2, 32, 16}, at::kFloat).input(), context.context);
  at::globalContext().setSDPUseFlash(false);
  (void)plugin->forward(RandomInput({2, 2, 31, 16}, at::kFloat).input(), context.context);
  at::globalContext().setSDPUseFlash(true);
  EXPECT_EQ(plugin->kernel(), "_scaled_dot_product_attention_math");
}

TEST(Dense, unequal_shapes_are_refused_with_both) {
  const ContextCase context(2);
  auto input = RandomInput({2, 2, 32, 16}, at::kFloat).input();
  input.value = input.value.slice(3, 0, 8);
  try {
    (void)dense(Causality::strict)->forward(input, context.context);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                ::testing::HasSubstr("[dense] value: expected the query's shape [2, 2, 32, 16], "
                                     "got [2, 2, 32, 8]"));
  }
}

}  // namespace
}  // namespace attnlab::test
