// Against the quadratic definition in float64: a softmax over the scores and one more logit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/attention/free_owner.h"
#include "framework/attention/reference.h"
#include "tests/support/plugin_case.h"

namespace attnlab::test {
namespace {

struct Attended {
  at::Tensor out, dq, dk, dv, dsink;
};

at::Tensor definition(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const at::Tensor& sink, bool strict) {
  const auto T = q.size(2);
  const auto scores = (q.matmul(k.transpose(2, 3)) / std::sqrt(static_cast<double>(q.size(3))))
                          .masked_fill(causal_mask(T, strict).logical_not(), -HUGE_VAL);
  const auto logits = at::cat({sink.view({1, -1, 1, 1}).expand({q.size(0), -1, T, 1}), scores}, -1);
  return at::softmax(logits, -1).slice(-1, 1).matmul(v);
}

template <class Forward>
Attended attend(const RandomInput& in, const at::Tensor& sink, Forward&& forward) {
  const auto leaf = [](const at::Tensor& x) { return x.detach().clone().requires_grad_(); };
  const auto q = leaf(in.query), k = leaf(in.key), v = leaf(in.value);
  const auto out = forward(q, k, v);
  out.backward(in.grad_out);
  return {out.detach(), q.grad(), k.grad(), v.grad(), sink.grad().clone()};
}

TEST(Sink, is_a_softmax_with_one_more_logit) {
  const ContextCase context(2);
  for (const bool strict : {true, false}) {
    for (const std::int64_t T : {1, 2, 33, 130}) {
      for (const double initial : {-1.0, 0.0, 2.5}) {
        const RandomInput in({2, 3, T, 16}, at::kDouble);
        FreeOwner owner;
        const auto attention = load_plugin(built_plugin("sink"))
                                   .create({.heads = 3,
                                            .head_dim = 16,
                                            .max_length = T,
                                            .causality = strict ? config::Causality::strict
                                                                : config::Causality::inclusive},
                                           section("sink", {{"initial", initial}}), owner);
        ASSERT_EQ(owner.all().size(), 1U);
        const auto sink = owner.all()[0].value;
        const auto ours = attend(in, sink, [&](const auto& q, const auto& k, const auto& v) {
          return attention->forward({q, k, v, {}}, context.context).output;
        });
        const auto exact = at::full({3}, initial, at::kDouble).requires_grad_();
        const auto expected = attend(in, exact, [&](const auto& q, const auto& k, const auto& v) {
          return definition(q, k, v, exact, strict);
        });
        const auto close = [](const at::Tensor& a, const at::Tensor& b) {
          return at::allclose(a.to(at::kDouble), b, 1e-10, 1e-12);
        };
        EXPECT_TRUE(close(ours.out, expected.out)) << T << " " << initial;
        EXPECT_TRUE(close(ours.dq, expected.dq)) << T << " " << initial;
        EXPECT_TRUE(close(ours.dk, expected.dk)) << T << " " << initial;
        EXPECT_TRUE(close(ours.dv, expected.dv)) << T << " " << initial;
        EXPECT_TRUE(at::allclose(ours.dsink.to(at::kDouble), expected.dsink, 1e-5, 1e-6))
            << T << " " << initial;
      }
    }
  }
}

}  // namespace
}  // namespace attnlab::test
