// Segment attention and the builders of plans on a GPU: exact, and where it is large.
#include <c10/util/Exception.h>

#include <array>

#include "framework/sparse/hashing.h"
#include "framework/sparse/plans.h"
#include "tests/gpu/segments.h"
#include "tests/sparse/random_plan.h"
#include "tests/support/plugin_case.h"
#include "tests/support/tolerance.h"

namespace attnlab::test {
namespace {

using sparse::SegmentPlan;

void expect_exact(const SegmentPlan& plan, const at::Tensor& mask, const RandomInput& in) {
  const auto to = [](const at::Tensor& x) { return x.to(device()); };
  expect_matches_reference(attention(on_device(plan)), to(in.query), to(in.key), to(in.value),
                           to(in.grad_out), to(mask));
}

struct SegmentCase {
  PlanKind kind;
  std::int64_t D;
  at::ScalarType dtype;
};
void PrintTo(const SegmentCase& c, std::ostream* out) {
  PrintTo(c.kind, out);
  *out << " D " << c.D << " " << c.dtype;
}
/// All on a GPU; where kernels are emulated, every two values of different parameters meet once.
std::vector<SegmentCase> segment_cases() {
  constexpr std::array kKinds{PlanKind::buckets, PlanKind::windows, PlanKind::look_back};
  constexpr std::array<std::int64_t, 5> kDims{16, 32, 64, 96, 128};
  constexpr std::array kDtypes{at::kBFloat16, at::kHalf, at::kFloat};
  std::vector<SegmentCase> all;
  for (std::size_t kind = 0; kind < kKinds.size(); ++kind) {
    for (std::size_t dim = 0; dim < kDims.size(); ++dim) {
      for (std::size_t dtype = 0; dtype < kDtypes.size(); ++dtype) {
        if (emulated() && (kind + dim + dtype) % 3 != 0) continue;
        all.push_back({kKinds[kind], kDims[dim], kDtypes[dtype]});
      }
    }
  }
  return all;
}

class Segments : public OnGpu, public testing::WithParamInterface<SegmentCase> {};

TEST_P(Segments, are_exact_under_random_plans) {
  const auto [kind, D, dtype] = GetParam();
  const PlanShape shape = emulated() ? PlanShape{1, 2, 41} : PlanShape{2, 3, 1000};
  const auto plan = random_plan(kind, shape, 11);
  expect_exact(plan, mask_of(plan, shape), RandomInput({shape.B, shape.H, shape.T, D}, dtype));
}

INSTANTIATE_TEST_SUITE_P(kinds, Segments, testing::ValuesIn(segment_cases()));

using Lse = OnGpu;
TEST_F(Lse, may_be_very_negative) {
  const std::int64_t T = 33;
  RandomInput in({1, 2, T, 32}, at::kFloat, false);
  in.key = 1 + in.key / 8;
  in.query = in.query - 40;  // every score is near -226
  const auto plan = sparse::full_plan(1, 2, T, true);
  expect_exact(plan, causal_mask(T, false), in);
  const auto lse = sparse::segment_attention(in.query.to(device()), in.key.to(device()),
                                             in.value.to(device()), on_device(plan))
                       .lse;
  EXPECT_LT(lse.max().item<double>(), -150);
}

/// Softmax over one key is 1 whatever the score: LibTorch's gradients are exactly 0, and so the
/// rule leaves no room.
using SingleKey = OnGpu;
TEST_F(SingleKey, has_no_gradient_in_query_and_key) {
  for (const auto dtype : {at::kBFloat16, at::kHalf, at::kFloat}) {
    for (const std::int64_t D : {8, 24, 64, 128}) {
      const auto in = on_device(RandomInput({2, 3, 2, D}, dtype));
      const auto plan = sparse::full_plan(2, 3, 2, /*include_self=*/false, device());
      const auto got = attend(attention(plan), in.query, in.key, in.value, in.grad_out);
      EXPECT_EQ(largest(got.dq), 0) << dtype << " D " << D;
      EXPECT_EQ(largest(got.dk), 0) << dtype << " D " << D;
      EXPECT_TRUE(got.dv.select(2, 0).equal(in.grad_out.select(2, 1))) << dtype << " D " << D;
    }
  }
}

class Plans : public OnGpu {
 protected:
  std::int64_t T_ = emulated() ? 211 : 5003;
};

TEST_F(Plans, hash_to_the_argmax_of_projections_and_their_negatives) {
  const RandomInput in({2, 3, T_, 32}, at::kFloat);
  const RandomInput drawn({2, 3, 32, 5}, at::kFloat, true, 3);
  const auto sums = in.query.to(at::kDouble)
                        .unsqueeze(0)
                        .matmul(drawn.query.to(at::kDouble).unsqueeze(1));  // [R, B, H, T, 5]
  const auto buckets = sparse::hash_buckets(in.query.to(device()), drawn.query.to(device())).cpu();
  EXPECT_TRUE(buckets.to(at::kLong).equal(at::cat({sums, -sums}, -1).argmax(-1)));
}

TEST_F(Plans, sort_stably_and_count) {
  const auto buckets = at::randint(7, {2, 3, T_}, at::kInt);
  const auto sorted = sparse::sort_by_bucket(buckets.to(device()), 7);
  const auto expected = std::get<1>(at::sort(buckets, std::optional<bool>(true), 2)).to(at::kInt);
  EXPECT_TRUE(sorted.rows.cpu().equal(expected));
  const auto counts = at::one_hot(buckets.to(at::kLong), 7).sum(2).cumsum(2).to(at::kInt);
  EXPECT_TRUE(sorted.start.cpu().slice(2, 1).equal(counts));
}

TEST_F(Plans, compact_to_the_kept_rows_in_order) {
  const auto keep = at::rand({2, 3, T_}).lt(0.6);
  const auto kept = sparse::compact(keep.to(device()));
  const auto rows = kept.rows.cpu(), start = kept.start.cpu();
  for (std::int64_t b = 0; b < 2; ++b) {
    for (std::int64_t h = 0; h < 3; ++h) {
      const auto expected = keep[b][h].nonzero().squeeze(1).to(at::kInt);
      ASSERT_EQ(start[b][h][1].item<std::int32_t>(), expected.numel());
      EXPECT_TRUE(rows[b][h].slice(0, 0, expected.numel()).equal(expected));
    }
  }
}

using Large = OnRealGpu;
TEST_F(Large, more_heads_than_a_grid_axis_has_blocks) {
  const std::int64_t T = 5;
  for (const auto dtype : {at::kBFloat16, at::kHalf, at::kFloat}) {
    const RandomInput in({3, 22'000, T, 16}, dtype);
    expect_exact(sparse::full_plan(3, 22'000, T, false), causal_mask(T, true), in);
  }
}

// The last head begins beyond 2^31 elements; alone it must give the same bits.
TEST_F(Large, more_elements_than_31_bits_count) {
  const std::int64_t H = 33, T = std::int64_t{1} << 20, D = 64, N = 1 << 14;
  try {
    const auto options = at::device(device()).dtype(at::kBFloat16);
    const auto leaf = [&] { return at::randn({1, H, T, D}, options).requires_grad_(true); };
    const auto query = leaf(), key = leaf(), value = leaf();
    const auto buckets = at::randint(N, {1, H, T}, options.dtype(at::kInt));
    const auto run = [&](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         const at::Tensor& of_heads) {
      const auto plan = sparse::bucket_plan(of_heads, of_heads, N, false);
      const auto out = sparse::segment_attention(q, k, v, plan).out;
      out.backward(at::ones_like(out));
      return out.detach();
    };
    const auto last = [&](const at::Tensor& x) {
      return x.detach().slice(1, H - 1).clone().requires_grad_(true);
    };
    const auto q = last(query), k = last(key), v = last(value);
    const auto alone = run(q, k, v, buckets.slice(1, H - 1).contiguous());
    const auto out = run(query, key, value, buckets);
    EXPECT_TRUE(out.slice(1, H - 1).equal(alone));
    EXPECT_TRUE(query.grad().slice(1, H - 1).equal(q.grad()));
    EXPECT_TRUE(key.grad().slice(1, H - 1).equal(k.grad()));
    EXPECT_TRUE(value.grad().slice(1, H - 1).equal(v.grad()));
  } catch (const c10::OutOfMemoryError&) {
    GTEST_SKIP() << "SKIPPED: not enough GPU memory";
  }
}

}  // namespace
}  // namespace attnlab::test
