#include <gtest/gtest.h>

#include "tests/support/plugin_case.h"
#include "tests/support/tolerance.h"

namespace attnlab::test {
namespace {

std::unique_ptr<Attention> none() {
  return load_plugin(built_plugin("none"))
      .create({.heads = 3, .head_dim = 4, .max_length = 7}, section("none"));
}

TEST(None, output_and_gradients_are_zero_and_not_missing) {
  const RandomInput random({2, 3, 7, 4}, at::kFloat);
  const ContextCase context(2);
  const auto plugin = none();
  const auto attended = attend(
      [&](const auto& q, const auto& k, const auto& v) {
        return plugin->forward({q, k, v, {}}, context.context).output;
      },
      random.query, random.key, random.value, random.grad_out);
  const auto zero = at::zeros_like(random.query);
  EXPECT_TRUE(at::equal(attended.out, zero));
  EXPECT_TRUE(at::equal(attended.dq, zero));
  EXPECT_TRUE(at::equal(attended.dk, zero));
  EXPECT_TRUE(at::equal(attended.dv, zero));
}

TEST(None, nan_in_the_input_does_not_reach_the_output) {
  const ContextCase context(1);
  const auto nan = at::full({1, 3, 7, 4}, std::nan(""));
  EXPECT_EQ(largest(none()->forward({nan, nan, nan, {}}, context.context).output), 0.0);
}

TEST(None, says_what_ran) { EXPECT_EQ(none()->kernel(), "none"); }

}  // namespace
}  // namespace attnlab::test
