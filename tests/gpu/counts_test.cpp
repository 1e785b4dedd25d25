// What one call costs beside the three attention kernels: launches, allocations, and LibTorch's
// operators but for those that only make or look at a tensor.
#include "framework/sparse/hashing.h"
#include "framework/sparse/plans.h"
#include "tests/gpu/cost.h"
#include "tests/support/tolerance.h"

namespace attnlab::test {
namespace {

using Costs = OnCountedGpu;

TEST_F(Costs, of_a_plan_whose_key_ranges_do_not_overlap_are_its_kernels) {
  for (const auto dtype : {at::kBFloat16, at::kFloat}) {
    const bool wide = dtype == at::kFloat;
    const auto in = on_device(RandomInput({1, 2, 40, 16}, dtype));
    const auto drawn = RandomInput({1, 2, 16, 2}, at::kFloat).value.to(device());
    const auto leaf = [](const at::Tensor& x) { return x.clone().requires_grad_(true); };
    const auto query = leaf(in.query), key = leaf(in.key), value = leaf(in.value);
    sparse::SegmentPlan plan;
    at::Tensor out;
    const auto planning = cost_of([&] {
      const auto buckets = sparse::hash_buckets(in.query, drawn)[0];
      plan = sparse::bucket_plan(buckets, buckets, 4, false);
    });
    EXPECT_EQ(planning.launches, 4) << "hash; count, scan, place";
    EXPECT_EQ(planning.allocations, 6) << "buckets; rows, start, counts; key_begin, key_end";
    EXPECT_EQ(planning.operators, 2) << "key_begin, key_end";

    const auto forward =
        cost_of([&] { out = sparse::segment_attention(query, key, value, plan).out; });
    EXPECT_EQ(forward.launches, 5) << "tiles: list, count, scan, place; attention";
    EXPECT_EQ(forward.allocations, wide ? 5 : 3) << "out, lse, in float32 two more; tiles";
    EXPECT_EQ(forward.operators, 0);

    const auto backward = cost_of([&] { out.backward(in.grad_out); });
    EXPECT_EQ(backward.launches, 6) << "tiles of keys; queries, keys";
    EXPECT_EQ(backward.allocations, 5) << "three gradients, shift, tiles";
    EXPECT_EQ(backward.operators, 0);
  }
}

}  // namespace
}  // namespace attnlab::test
