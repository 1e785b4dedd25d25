// torch.ops.attnlab on a GPU: the answers and the launches of the C++ path.
#include <ATen/core/dispatch/Dispatcher.h>

#include "framework/python/operators.h"
#include "framework/sparse/cuda_refusals.h"
#include "framework/sparse/hashing.h"
#include "framework/sparse/plans.h"
#include "tests/gpu/cost.h"
#include "tests/gpu/segments.h"
#include "tests/support/tolerance.h"

namespace attnlab::test {
namespace {

using Operators = OnCountedGpu;
constexpr std::int64_t kT = 40, kHeadDim = 16;

struct Leaves {
  explicit Leaves(const RandomInput& in)
      : query(leaf(in.query)), key(leaf(in.key)), value(leaf(in.value)), grad_out(in.grad_out) {}
  static at::Tensor leaf(const at::Tensor& x) { return x.clone().requires_grad_(true); }
  [[nodiscard]] std::vector<at::Tensor> results(const at::Tensor& out) const {
    return {out.detach(), query.grad(), key.grad(), value.grad()};
  }
  at::Tensor query, key, value, grad_out;
};

/// Forward, then backward.
std::pair<Cost, Cost> costs(const Leaves& in, const std::function<at::Tensor()>& attend, at::Tensor& out) {
  const auto forward = cost_of([&] { out = attend(); });
  return {forward, cost_of([&] { out.backward(in.grad_out); })};
}

void expect_equal(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i].equal(b[i])) << i;
}

TEST_F(Operators, hash_sparse_launches_what_the_engine_launches) {
  using Signature = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, bool, bool,
                               std::optional<double>);
  const auto op = python::find<Signature>("attnlab::hash_sparse");
  for (const auto dtype : {at::kBFloat16, at::kFloat}) {
    const auto drawn = on_device(RandomInput({1, 2, kT, kHeadDim}, dtype));
    const auto projections = RandomInput({1, 2, kHeadDim, 2}, at::kFloat).value.to(device());
    const Leaves ours(drawn), theirs(drawn);
    at::Tensor out, expected;
    const auto engine = costs(theirs, [&] {
      const auto buckets = sparse::hash_buckets(theirs.query.detach(), projections)[0];
      return sparse::segment_attention(theirs.query, theirs.key, theirs.value,
                                       sparse::bucket_plan(buckets, buckets, 4, false)).out;
    }, expected);
    const auto operators = costs(ours, [&] {
      return op.call(ours.query, ours.key, ours.value, projections[0], false, false, std::nullopt);
    }, out);
    EXPECT_EQ(operators.first.launches, engine.first.launches);
    EXPECT_EQ(operators.second.launches, engine.second.launches);
    EXPECT_EQ(operators.first.operators, engine.first.operators + 1) << "buckets are int32 there";
    EXPECT_EQ(operators.second.operators, engine.second.operators);
    EXPECT_EQ(operators.second.allocations, engine.second.allocations);
    expect_equal(ours.results(out), theirs.results(expected));
  }
}

using SegmentSignature = python::Pair(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                      const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, bool, bool,
                                      bool, std::optional<std::int64_t>, const std::optional<at::Tensor>&,
                                      const std::optional<at::Tensor>&, const std::optional<at::Tensor>&,
                                      const std::optional<at::Tensor>&, std::int64_t, std::optional<double>, bool);
at::Tensor segment_attention(const Leaves& in, const sparse::SegmentPlan& p, bool sealed) {
  static const auto op = python::find<SegmentSignature>("attnlab::segment_attention");
  return std::get<0>(op.call(in.query, in.key, in.value, p.query_rows, p.key_rows, p.query_start, p.key_begin, p.key_end,
                             true, true, true, std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt, 0,
                             std::nullopt, sealed));
}
bool seal(const sparse::SegmentPlan& p, std::int64_t length) {
  using Signature = bool(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&,
                         std::int64_t, bool);
  return python::find<Signature>("attnlab::seal_plan").call(p.query_rows, p.key_rows, p.query_start, p.key_begin, p.key_end,
                                                            length, true);
}

TEST_F(Operators, a_plan_of_ones_own_is_looked_at_once_where_it_is_sealed) {
  const auto drawn = on_device(RandomInput({1, 2, kT, kHeadDim}, at::kBFloat16));
  const auto plan = on_device(sparse::full_plan(1, 2, kT, true));
  const Leaves engine(drawn), checked(drawn), claimed(drawn), sealed(drawn);
  at::Tensor out[4];
  const auto own = costs(engine, [&] {
    const auto built = sparse::full_plan(1, 2, kT, true, device());
    return sparse::segment_attention(engine.query, engine.key, engine.value, built).out;
  }, out[0]);
  const auto slow = costs(checked, [&] { return segment_attention(checked, plan, false); }, out[1]);
  const auto asked = costs(claimed, [&] { return segment_attention(claimed, plan, true); }, out[2]);
  EXPECT_EQ(asked.first.launches, slow.first.launches) << "a claim alone is not believed";
  ASSERT_TRUE(seal(plan, kT));
  const auto fast = costs(sealed, [&] { return segment_attention(sealed, plan, true); }, out[3]);
  EXPECT_EQ(fast.first.launches, own.first.launches);
  EXPECT_EQ(fast.second.launches, own.second.launches);
  EXPECT_EQ(fast.second.operators, 0);
  EXPECT_GT(slow.first.launches, own.first.launches);
  EXPECT_GT(slow.second.launches, own.second.launches);
  const auto expected = engine.results(out[0]);
  expect_equal(checked.results(out[1]), expected);
  expect_equal(claimed.results(out[2]), expected);
  expect_equal(sealed.results(out[3]), expected);
}

TEST_F(Operators, a_sealed_plan_that_was_written_is_refused_like_any_other) {
  const auto plan = on_device(sparse::full_plan(1, 2, kT, true));
  ASSERT_TRUE(seal(plan, kT));
  const Leaves in(on_device(RandomInput({1, 2, kT, kHeadDim}, at::kFloat)));
  static_cast<void>(segment_attention(in, plan, true));
  sparse::raise_refused();
  plan.key_rows.select(2, 3).fill_(1'000'000);
  setenv("ATTNLAB_CUDA_CHECK", "now", 1);
  EXPECT_THROW(static_cast<void>(segment_attention(in, plan, true)), c10::Error);
  unsetenv("ATTNLAB_CUDA_CHECK");
}

}  // namespace
}  // namespace attnlab::test
