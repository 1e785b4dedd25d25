// The check of the answer must pass what is right and catch what is not, at any length.
#include "framework/bench/answer_check.h"

#include "tests/bench/support.h"

namespace attnlab::bench {
namespace {

using testing::HasSubstr;

std::string verdict(const FunctionSubject::Function& function, std::int64_t T,
                    Promise promise = {}) {
  FunctionSubject subject(function, promise);
  const auto in = small_inputs(T);
  return message_of([&] { static_cast<void>(check_answer(subject, in, 1)); });
}

constexpr char kRight[] = "nothing was thrown";

TEST(AnswerCheck, passes_exact_attention_and_counts_its_pairs) {
  for (const std::int64_t T : {1, 2, 13, 16, 300}) {
    for (const bool strict : {false, true}) {
      FunctionSubject subject([&](const Inputs& in) { return attend(in, causal(T, strict)); },
                              {.strict = strict, .full = true});
      const auto checked = check_answer(subject, small_inputs(T), 1);
      EXPECT_TRUE(checked.full);
      EXPECT_EQ(checked.all_rows, T <= 16);
      if (checked.all_rows) {
        EXPECT_EQ(checked.pairs, static_cast<double>(T * (T + (strict ? -1 : 1))));  // two heads
      }
    }
  }
}

TEST(AnswerCheck, passes_any_causal_pattern_and_sees_that_it_is_not_full) {
  const std::int64_t T = 200;
  const auto window = causal(T).logical_and(causal(T).tril(-9).logical_not());
  FunctionSubject subject([&](const Inputs& in) { return attend(in, window); }, {});
  const auto checked = check_answer(subject, small_inputs(T), 1);
  EXPECT_FALSE(checked.full);
  EXPECT_NEAR(checked.pairs_per_row, 9, 1);
}

TEST(AnswerCheck, passes_bfloat16_within_twice_libtorchs_own_error) {
  FunctionSubject subject(
      [](const Inputs& in) {
        return at::scaled_dot_product_attention(in.query, in.key, in.value, {}, 0, true);
      },
      {.full = true});
  EXPECT_TRUE(check_answer(subject, small_inputs(100, at::kBFloat16), 1).full);
}

TEST(AnswerCheck, passes_an_output_that_depends_on_nothing) {
  EXPECT_EQ(verdict([](const Inputs& in) { return at::zeros_like(in.query); }, 40), kRight);
}

TEST(AnswerCheck, catches_a_look_into_the_future) {
  EXPECT_EQ(verdict(
                [](const Inputs& in) {
                  return attend(in, at::ones({50, 50}, at::kBool));
                },
                50),
            "the answer is wrong, so nothing was timed: a row gives weight to a later key");
}

TEST(AnswerCheck, catches_a_look_at_itself_where_causality_is_strict) {
  EXPECT_THAT(
      verdict([](const Inputs& in) { return attend(in, causal(50)); }, 50, {.strict = true}),
      HasSubstr("under strict causality a row gives weight to itself beside others"));
}

TEST(AnswerCheck, lets_a_row_see_itself_alone_where_nothing_else_is_left) {
  auto mask = causal(50, true);
  mask[0][0] = true;
  EXPECT_EQ(verdict([&](const Inputs& in) { return attend(in, mask); }, 50, {.strict = true}),
            kRight);
}

TEST(AnswerCheck, catches_a_scale_that_is_a_little_off) {
  EXPECT_THAT(verdict([](const Inputs& in) { return attend(in, causal(50), 0.2501); }, 50),
              HasSubstr("is off by "));
}

TEST(AnswerCheck, catches_a_wrong_gradient_behind_a_right_output) {
  EXPECT_THAT(verdict(
                  [](const Inputs& in) {
                    auto other = in;
                    other.key = in.key.detach();
                    return attend(other, causal(50));
                  },
                  50),
              HasSubstr("the key's gradient is off by "));
}

TEST(AnswerCheck, catches_a_row_without_keys_that_is_not_zero) {
  EXPECT_THAT(verdict([](const Inputs& in) { return attend(in, causal(50, true)) + 1; }, 50,
                      {.strict = true}),
              HasSubstr("a row that sees no key is not 0"));
}

TEST(AnswerCheck, catches_what_is_not_finite) {
  EXPECT_THAT(verdict([](const Inputs& in) { return attend(in, causal(50)) / 0; }, 50),
              HasSubstr("the answer is wrong, so nothing was timed: "));
}

TEST(AnswerCheck, catches_a_pattern_that_is_less_than_promised) {
  EXPECT_THAT(
      verdict([](const Inputs& in) { return attend(in, causal(50, true)); }, 50, {.full = true}),
      HasSubstr("a row does not see all keys that causality allows"));
}

// Attention that is no softmax average: row t takes elu(q k) + 1 of each earlier value, divided by
// their sum and 1.
at::Tensor linear(const Inputs& in) {
  const auto T = in.query.size(2);
  const auto weights = (at::elu(in.query.matmul(in.key.transpose(-1, -2))) + 1)
                           .masked_fill(causal(T).logical_not(), 0);
  return weights.matmul(in.value) / (weights.sum(-1, true) + 1);
}

// The same values; the gradient of one input is another one.
at::Tensor with_gradient(const Inputs& in, int tensor, double factor, std::int64_t from) {
  auto moved = in;
  auto& x = tensor == 0 ? moved.query : tensor == 1 ? moved.key : moved.value;
  const auto rows = at::arange(x.size(2)).ge(from).view({1, 1, -1, 1}).to(x.scalar_type());
  const auto scale = 1 + rows * (factor - 1);
  x = x * scale + (x - x * scale).detach();
  return linear(moved);
}

constexpr Promise kNoSoftmax{.softmax = false};

TEST(Derivatives, agree_where_the_gradient_is_right) {
  for (const auto dtype : {at::kFloat, at::kDouble, at::kBFloat16}) {
    for (const std::int64_t T : {1, 2, 33, 300}) {
      FunctionSubject subject(linear, kNoSoftmax);
      const auto checked = check_answer(subject, small_inputs(T, dtype), 1);
      EXPECT_THAT(checked.what, HasSubstr("gradients against finite differences in 6 directions"))
          << dtype << " " << T;
      EXPECT_THAT(checked.what, HasSubstr("the output itself was compared with nothing"));
    }
  }
}

TEST(Derivatives, catch_a_gradient_that_is_another_one) {
  constexpr const char* kNames[]{"query", "key", "value"};
  for (int tensor = 0; tensor < 3; ++tensor) {
    for (const double factor : {-1.0, 0.0, 0.5, 1.1, 2.0}) {
      for (const std::int64_t from : {0, 30}) {
        if (factor == 1.1 && from > 0) continue;  // a few per cent of a few rows
        EXPECT_THAT(verdict([&](const Inputs& in) { return with_gradient(in, tensor, factor, from); },
                            60, kNoSoftmax),
                    HasSubstr("the " + std::string(kNames[tensor]) + "'s gradient says"))
            << factor << " from row " << from;
      }
    }
  }
}

TEST(Derivatives, say_nothing_where_the_output_jumps) {
  // Which keys are seen hangs on the signs of the query, as buckets of a hash do.
  const auto jumping = [](const Inputs& in) {
    const auto sign = in.query.detach().mul(1e4).floor().remainder(2);  // flips at every step
    return linear(in) + sign * in.value;
  };
  FunctionSubject subject(jumping, kNoSoftmax);
  const auto found = check_derivatives(subject, small_inputs(40), 1);
  EXPECT_EQ(found.agreed, 4);  // key and value
  EXPECT_EQ(found.jumped, 5);
}

TEST(AnswerCheck, says_what_it_looked_at) {
  FunctionSubject dense([](const Inputs& in) { return attend(in, causal(50)); }, {});
  EXPECT_EQ(check_answer(dense, small_inputs(50), 1).what,
            "16 rows of each head, output and gradients against float64; they see all keys");
  FunctionSubject none([](const Inputs& in) { return at::zeros_like(in.query); }, {});
  EXPECT_EQ(check_answer(none, small_inputs(8), 1).what,
            "the output is finite; it depends on no value");
}

}  // namespace
}  // namespace attnlab::bench
