// sliding_window against the float64 masked reference, dense attention, and its own promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sparse/plugin_checks.h"

namespace attnlab {
namespace {

using config::Causality;
using test::ContextCase;
using test::PluginUnderTest;
using test::RandomInput;
using testing::HasSubstr;

PluginUnderTest sliding_window(std::int64_t window, std::int64_t dilation = 1,
                               Causality causality = Causality::strict) {
  return {"sliding_window", {{"window", window}, {"dilation", dilation}}, causality, true};
}

/// bool [T, T]: the distance is a multiple of the dilation, and one of the `window` smallest.
at::Tensor mask(std::int64_t T, std::int64_t window, std::int64_t dilation, Causality causality) {
  auto mask = at::zeros({T, T}, at::kBool);
  auto cells = mask.accessor<bool, 2>();
  const std::int64_t first = causality == Causality::strict ? 1 : 0;
  for (std::int64_t t = 0; t < T; ++t) {
    for (std::int64_t step = first; step < first + window && t - step * dilation >= 0; ++step) {
      cells[t][t - step * dilation] = true;
    }
  }
  return mask;
}

struct Case {
  std::int64_t T, window, dilation;
  at::ScalarType dtype;
  Causality causality;
};
void PrintTo(const Case& c, std::ostream* out) {
  *out << "T " << c.T << ", window " << c.window << ", dilation " << c.dilation << ", " << c.dtype
       << (c.causality == Causality::strict ? ", strict" : ", inclusive");
}
class SlidingWindow : public testing::TestWithParam<Case> {};

TEST_P(SlidingWindow, equals_masked_dense_attention) {
  const auto [T, window, dilation, dtype, causality] = GetParam();
  const RandomInput in({2, 3, T, 16}, dtype, false);
  const ContextCase batch(2);
  const auto plugin = sliding_window(window, dilation, causality);
  test::expect_matches_reference(plugin.function(batch.context), in.query, in.key, in.value,
                                 in.grad_out, mask(T, window, dilation, causality));
}

INSTANTIATE_TEST_SUITE_P(sizes, SlidingWindow,
                         testing::Values(Case{1, 1, 1, at::kFloat, Causality::inclusive},
                                         Case{1, 1, 1, at::kFloat, Causality::strict},
                                         Case{2, 1, 3, at::kDouble, Causality::strict},
                                         Case{90, 1, 1, at::kFloat, Causality::inclusive},
                                         Case{90, 1, 1, at::kFloat, Causality::strict},
                                         Case{211, 32, 1, at::kFloat, Causality::strict},
                                         Case{211, 64, 1, at::kDouble, Causality::inclusive},
                                         Case{300, 65, 1, at::kFloat, Causality::strict},
                                         Case{211, 7, 3, at::kFloat, Causality::strict},
                                         Case{200, 11, 8, at::kFloat, Causality::inclusive},
                                         Case{97, 5, 96, at::kDouble, Causality::strict},
                                         Case{97, 5, 97, at::kFloat, Causality::inclusive},
                                         Case{97, 5, 1000, at::kFloat, Causality::strict},
                                         Case{150, 20, 2, at::kBFloat16, Causality::inclusive},
                                         Case{150, 20, 2, at::kHalf, Causality::strict}));

TEST(SlidingWindowDense, is_a_window_of_the_whole_sequence) {
  const RandomInput in({1, 2, 130, 16}, at::kFloat);
  const ContextCase batch(1);
  for (const std::int64_t window : {129, 130, 1 << 30}) {
    const auto plugin = sliding_window(window);
    test::expect_matches_reference(plugin.function(batch.context), in.query, in.key, in.value,
                                   in.grad_out, causal_mask(130, true));
  }
}

TEST(SlidingWindowLeak, none_from_the_future) {
  test::expect_no_leak(sliding_window(20));
  test::expect_no_leak(sliding_window(9, 4, Causality::inclusive));
}

TEST(SlidingWindowRows, do_not_depend_on_batch_order_or_threads) {
  test::expect_pure_draws(sliding_window(20));
  test::expect_pure_draws(sliding_window(9, 4));
}

TEST(SlidingWindowStatistics, count_what_the_mask_says_and_only_in_evaluation) {
  const RandomInput in({1, 2, 80, 4}, at::kFloat);
  ContextCase batch(1);
  EXPECT_TRUE(sliding_window(5).run(in.input(), batch.context).statistics.empty());
  batch.context.training = false;
  const auto mean = [](const at::Tensor& t) { return t.to(at::kDouble).mean().item<double>(); };
  for (const auto causality : {Causality::strict, Causality::inclusive}) {
    for (const std::int64_t dilation : {1, 3}) {
      const auto output = sliding_window(5, dilation, causality).run(in.input(), batch.context);
      const auto pairs = mask(80, 5, dilation, causality);
      EXPECT_NEAR(test::statistic(output, "pairs_per_query"), mean(pairs.sum(-1)), 1e-9);
      EXPECT_NEAR(test::statistic(output, "rows_without_keys"), 1 - mean(pairs.any(-1)), 1e-9);
    }
  }
}

TEST(SlidingWindowDocuments, are_kept_apart_and_counted) {
  test::expect_pairs_told_within_documents(sliding_window(7));
  test::expect_pairs_told_within_documents(sliding_window(5, 3, Causality::inclusive));
}

TEST(SlidingWindowRefuses, windows_and_dilations_below_one) {
  EXPECT_THAT(sliding_window(0).error(), HasSubstr("attention.window"));
  EXPECT_THAT(sliding_window(4, 0).error(), HasSubstr("attention.dilation"));
}

}  // namespace
}  // namespace attnlab
