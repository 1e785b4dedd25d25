#include "framework/xray/read_rows.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "tests/sparse/counting_allocator.h"
#include "tests/xray/support.h"

namespace attnlab::xray {
namespace {

double apart(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

class ReadRows : public testing::TestWithParam<Variant> {};

TEST_P(ReadRows, gives_what_every_value_row_by_itself_gives) {
  constexpr std::int64_t T = 37, D = 8, H = 2;  // T no multiple of D
  const auto input = test::RandomInput({1, H, T, D}, at::kFloat).input();
  test::ContextCase own(1);
  own.context.training = false;
  const auto attention = build(GetParam(), H, D, T);
  const auto all = all_weights(*attention, input, own.context);
  const auto rows = rows_of({0, 1, 2, 3, 7, 8, 15, 20, 21, 33, 36});  // more than D
  for (const auto method : {Method::gradients, Method::values}) {
    const auto read = read_rows(*attention, input, own.context, rows, method);
    EXPECT_TRUE(explained(read)) << read.unexplained;
    ASSERT_EQ(read.weights.sizes(), (std::vector<std::int64_t>{H, 11, T}));
    const auto expected = all.index_select(1, rows);
    EXPECT_LT(apart(read.weights, expected), 2e-6);
    if (GetParam().name != "fastmax" && GetParam().name != "polynomial") {
      EXPECT_TRUE(read.weights.ne(0).equal(expected.ne(0))) << "the same keys are seen";
    }
  }
}

TEST_P(ReadRows, leaves_no_gradient_behind_and_works_in_bfloat16_without_a_graph) {
  const auto input = test::RandomInput({1, 1, 19, 8}, at::kBFloat16).input();
  test::ContextCase own(1);
  own.context.training = false;
  const auto attention = build(GetParam(), 1, 8, 19);
  const at::NoGradGuard no_graph;
  const auto read = read_rows(*attention, input, own.context, rows_of({3, 18}));
  EXPECT_TRUE(explained(read)) << read.unexplained;
  EXPECT_FALSE(read.weights.requires_grad());
  EXPECT_FALSE(input.value.requires_grad());
  EXPECT_FALSE(input.value.grad().defined());
}

INSTANTIATE_TEST_SUITE_P(OfPlugins, ReadRows, testing::ValuesIn(variants()),
                         [](const auto& info) { return info.param.name; });

// Softmax with a backward pass that knows nothing of the values.
struct Cut final : Attention {
  MaskedSoftmax inner{config::Causality::strict};
  AttentionOutput forward(const AttentionInput& input, const AttentionContext& context) override {
    auto output = inner.forward({input.query, input.key, input.value.detach(), {}}, context);
    output.output = output.output + 0 * input.value;
    return output;
  }
  std::string kernel() const override { return "cut"; }
};

struct Bent final : Attention {
  MaskedSoftmax inner{config::Causality::strict};
  AttentionOutput forward(const AttentionInput& input, const AttentionContext& context) override {
    return {inner.forward(input, context).output.tanh(), {}, {}};
  }
  std::string kernel() const override { return "bent"; }
};

TEST(ReadRowsOf, a_backward_pass_that_is_wrong_falls_back_on_values) {
  const auto input = test::RandomInput({1, 2, 21, 4}, at::kFloat).input();
  const test::ContextCase own(1);
  Cut cut;
  MaskedSoftmax exact(config::Causality::strict);
  const auto rows = rows_of({2, 20});
  EXPECT_FALSE(explained(read_rows(cut, input, own.context, rows, Method::gradients)));
  const auto read = read_rows(cut, input, own.context, rows);
  EXPECT_TRUE(explained(read));
  EXPECT_LT(apart(read.weights, all_weights(exact, input, own.context).index_select(1, rows)), 1e-6);
}

TEST(ReadRowsOf, what_is_not_linear_in_the_values_is_told) {
  const auto input = test::RandomInput({1, 2, 21, 4}, at::kFloat).input();
  const test::ContextCase own(1);
  Bent bent;
  EXPECT_FALSE(explained(read_rows(bent, input, own.context, rows_of({2, 20}))));
}

TEST(ReadRowsOf, one_token_has_one_weight) {
  const auto input = test::RandomInput({1, 1, 1, 8}, at::kFloat).input();
  const test::ContextCase own(1);
  MaskedSoftmax exact(config::Causality::inclusive);
  EXPECT_TRUE(read_rows(exact, input, own.context, rows_of({0})).weights.eq(1).all().item<bool>());
}

TEST(ReadRowsOf, a_longer_sequence_takes_memory_in_proportion) {
  const auto peak = [](std::int64_t T) {
    const auto attention = build({"sliding_window"}, 1, 8, T);
    const auto input = test::RandomInput({1, 1, T, 8}, at::kFloat).input();
    test::ContextCase own(1);
    own.context.training = false;
    const auto rows = at::arange(0, T, T / 16);
    const test::CountingAllocator counted;
    static_cast<void>(read_rows(*attention, input, own.context, rows));
    return counted.peak();
  };
  EXPECT_LT(static_cast<double>(peak(8192)), 2.2 * static_cast<double>(peak(4096)));
}

}  // namespace
}  // namespace attnlab::xray
