// What segment attention refuses on a GPU, where it runs, and what the tests of this folder judge
// by.
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <tuple>

#include "framework/sparse/cuda_refusals.h"
#include "framework/sparse/hashing.h"
#include "tests/gpu/segments.h"

namespace attnlab::test {
namespace {

using sparse::SegmentPlan;

/// The float64 reference of these tests is LibTorch's, on the device; it is itself held against
/// plain loops on the host.
using Reference = OnGpu;
TEST_F(Reference, on_the_device_is_that_of_plain_loops) {
  const std::int64_t T = 9, D = 4;
  const RandomInput in({1, 1, T, D}, at::kDouble);
  const auto mask = causal_mask(T, /*strict=*/true);
  const auto to = [](const at::Tensor& x) { return x.to(device()); };
  const auto got =
      attend_reference(to(in.query), to(in.key), to(in.value), to(in.grad_out), to(mask), 0.5);
  const auto q = in.query[0][0], k = in.key[0][0], v = in.value[0][0], g = in.grad_out[0][0];
  const auto dot = [&](const at::Tensor& a, std::int64_t i, const at::Tensor& b, std::int64_t j) {
    double sum = 0;
    for (std::int64_t d = 0; d < D; ++d) sum += a[i][d].item<double>() * b[j][d].item<double>();
    return sum;
  };
  Attended plain{at::zeros_like(q), at::zeros_like(q), at::zeros_like(q), at::zeros_like(q)};
  for (std::int64_t i = 1; i < T; ++i) {
    double total = 0;
    for (std::int64_t j = 0; j < i; ++j) total += std::exp(0.5 * dot(q, i, k, j));
    for (std::int64_t j = 0; j < i; ++j) {
      plain.out[i] += v[j] * (std::exp(0.5 * dot(q, i, k, j)) / total);
    }
    for (std::int64_t j = 0; j < i; ++j) {
      const double p = std::exp(0.5 * dot(q, i, k, j)) / total;
      const double slope = 0.5 * p * (dot(g, i, v, j) - dot(g, i, plain.out, i));
      plain.dq[i] += k[j] * slope;
      plain.dk[j] += q[i] * slope;
      plain.dv[j] += g[i] * p;
    }
  }
  const auto expect_near = [](const at::Tensor& a, const at::Tensor& b) {
    EXPECT_LT(largest(a[0][0].cpu() - b), 1e-13);
  };
  expect_near(got.out, plain.out);
  expect_near(got.dq, plain.dq);
  expect_near(got.dk, plain.dk);
  expect_near(got.dv, plain.dv);
}

using Checked = OnGpu;
std::string refusal_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "";
}
/// Rows of one group of `plan` are written over; what the CPU says of it and what the GPU says, now
/// and later.
TEST_F(Checked, plans_that_break_a_rule_are_refused_with_the_words_of_the_cpu) {
  const RandomInput in({2, 2, 50, 16}, at::kFloat), there = on_device(in);
  using Array = at::Tensor SegmentPlan::*;
  // Two segments; the first sees keys 10 to 24, the second 25 to 49; rows ascend by two.
  const std::tuple<Array, std::int64_t, std::int64_t> breaches[] = {
      {&SegmentPlan::key_rows, 13, 50},      {&SegmentPlan::key_rows, 10, 100'000'000},
      {&SegmentPlan::key_rows, 49, -1},      {&SegmentPlan::key_rows, 20, 1},
      {&SegmentPlan::query_rows, 5, 50},     {&SegmentPlan::query_rows, 2, -2},
      {&SegmentPlan::query_rows, 9, 16},     {&SegmentPlan::query_rows, 49, 2'000'000'000},
      {&SegmentPlan::query_rows, 30, 12},    {&SegmentPlan::query_start, 1, 51},
      {&SegmentPlan::query_start, 0, -1},    {&SegmentPlan::query_start, 2, 24},
      {&SegmentPlan::key_begin, 0, 1 << 30}, {&SegmentPlan::key_begin, 0, 26},
      {&SegmentPlan::key_end, 0, 51},        {&SegmentPlan::key_end, 1, 3},
      {&SegmentPlan::key_end, 0, 9},         {&SegmentPlan::key_end, 0, -3}};
  auto good = sparse::window_plan(2, 2, 50, 50, 2, true);
  good.key_begin = good.key_begin.clone();
  good.key_begin.select(2, 0).fill_(10);
  for (const char* when : {"now", "later"}) {
    setenv("ATTNLAB_CUDA_CHECK", when, 1);
    for (const auto& [array, at, value] : breaches) {
      auto plan = good;
      plan.*array = (plan.*array).clone();
      (plan.*array)[1][0][at] = value;
      SCOPED_TRACE(value);
      const auto expected =
          refusal_of([&] { (void)sparse::segment_attention(in.query, in.key, in.value, plan); });
      ASSERT_NE(expected, "");
      const auto bad = on_device(plan);
      const auto run = [&] {
        return sparse::segment_attention(there.query, there.key, there.value, bad).out;
      };
      if (std::string(when) == "now") {
        EXPECT_EQ(refusal_of([&] { (void)run(); }), expected);
        continue;
      }
      at::Tensor out;
      ASSERT_EQ(refusal_of([&] { out = run(); }), "") << "nobody waits for the device";
      EXPECT_EQ(largest(out[1][0].cpu()), 0) << "nothing is read through what was refused";
      EXPECT_GT(largest(out[1][1].cpu()), 0);
      EXPECT_EQ(refusal_of([&] { (void)run(); }), expected) << "of the call before";
      EXPECT_EQ(refusal_of([] { sparse::raise_refused(); }), "") << "told once";
    }
  }
  unsetenv("ATTNLAB_CUDA_CHECK");
  EXPECT_EQ(refusal_of([&] {
              const auto plan = on_device(good);
              (void)sparse::segment_attention(there.query, there.key, there.value, plan);
              (void)at::ones({1}, device()).item<float>();
              sparse::raise_refused();
            }),
            "");
}

/// A launch goes to the device of its tensors, whichever is the current one.
TEST_F(Checked, kernels_run_on_the_device_of_their_tensors) {
  const c10::impl::VirtualGuardImpl guard(at::kCUDA);
  if (guard.deviceCount() < 2) GTEST_SKIP() << "SKIPPED: one GPU only";
  ASSERT_EQ(guard.getDevice().index(), 0);
  const auto run = [](c10::DeviceIndex index) {
    const at::Device there(at::kCUDA, index);
    const RandomInput in({1, 2, 70, 16}, at::kBFloat16);
    const auto x = in.query.to(there);
    const auto buckets =
        sparse::hash_buckets(x, RandomInput({1, 2, 16, 2}, at::kFloat).value.to(there))[0];
    const auto plan = sparse::bucket_plan(buckets, buckets, 4, false);
    std::vector<at::Tensor> results;
    for (const auto& each : {plan, sparse::full_plan(1, 2, 70, true, there)}) {
      auto unsealed = each;
      unsealed.key_rows = unsealed.key_rows.clone();
      for (const auto& one : {each, unsealed}) {
        const auto got = attend(attention(one), x, x, in.value.to(there), in.grad_out.to(there));
        for (const auto& tensor : {got.out, got.dq, got.dk, got.dv}) {
          EXPECT_EQ(tensor.device(), there);
          results.push_back(tensor.cpu());
        }
      }
    }
    sparse::raise_refused();
    return results;
  };
  const auto first = run(0), second = run(1);
  ASSERT_EQ(first.size(), 16U);
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(first[i].equal(second[i])) << i;
  EXPECT_EQ(guard.getDevice().index(), 0);
}

}  // namespace
}  // namespace attnlab::test
