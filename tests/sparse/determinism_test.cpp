// The same bits for any thread count and call; the same answer from every instruction set; memory
// that grows with T and not with its square.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "framework/sparse/dispatch.h"
#include "framework/sparse/parallel.h"
#include "framework/sparse/plans.h"
#include "tests/sparse/counting_allocator.h"
#include "tests/sparse/random_plan.h"
#include "tests/support/plugin_case.h"
#include "tests/support/tolerance.h"

namespace attnlab::test {
namespace {

using sparse::SegmentPlan;

class ThreadCount {
 public:
  explicit ThreadCount(int threads) : before_(at::get_num_threads()) {
    at::set_num_threads(threads);
  }
  ~ThreadCount() { at::set_num_threads(before_); }

 private:
  int before_;
};

std::vector<at::Tensor> results(const SegmentPlan& plan, const RandomInput& in, int threads) {
  const ThreadCount count(threads);
  const auto all =
      attend([&](const auto& q, const auto& k,
                 const auto& v) { return sparse::segment_attention(q, k, v, plan).out; },
             in.query, in.key, in.value, in.grad_out);
  return {all.out, all.dq, all.dk, all.dv};
}

class SegmentBits : public testing::TestWithParam<PlanKind> {};

TEST_P(SegmentBits, are_equal_for_one_two_and_three_threads_and_every_call) {
  const auto plan = random_plan(GetParam(), {2, 3, 331}, 41);
  const RandomInput in({2, 3, 331, 24}, at::kFloat, false);
  const auto one = results(plan, in, 1);
  for (const int threads : {1, 2, 3}) {
    const auto again = results(plan, in, threads);
    for (std::size_t i = 0; i < one.size(); ++i) {
      EXPECT_TRUE(again[i].equal(one[i])) << threads << " threads, result " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(plans, SegmentBits,
                         testing::Values(PlanKind::buckets, PlanKind::windows,
                                         PlanKind::look_back));

TEST(SegmentThreads, are_those_of_libtorch) {
  const ThreadCount two(2);
  std::atomic<int> workers{0};
  std::vector<std::atomic<int>> taken(50);
  sparse::share(50, [&](const auto& next) {
    ++workers;
    for (auto i = next(); i >= 0; i = next()) ++taken[static_cast<std::size_t>(i)];
  });
  EXPECT_EQ(workers, 2);
  for (const auto& times : taken) EXPECT_EQ(times, 1);
}

TEST(SegmentThreads, hand_exceptions_to_the_caller) {
  const ThreadCount two(2);
  EXPECT_THROW(sparse::share(4, [](const auto&) { throw std::runtime_error("inside"); }),
               std::runtime_error);
}

/// out and lse of `kernels` on the plan, and all gradients, packed ones by packed row.
template <class T>
std::vector<at::Tensor> by_kernels(const sparse::Kernels<T>& kernels, const SegmentPlan& plan,
                                   const RandomInput& in) {
  const auto options = at::TensorOptions(c10::CppTypeToScalarType<T>::value);
  const auto q = in.query.to(options), k = in.key.to(options), v = in.value.to(options);
  const auto grad_out = in.grad_out.to(options);
  const std::int64_t G = q.size(0) * q.size(1), D = q.size(3), Nk = plan.key_rows.size(2);
  const sparse::PlanView view{.groups = G,
                              .length = q.size(2),
                              .head_dim = D,
                              .queries = plan.query_rows.size(2),
                              .keys = Nk,
                              .segments = plan.key_begin.size(2),
                              .query_rows = plan.query_rows.const_data_ptr<std::int32_t>(),
                              .key_rows = plan.key_rows.const_data_ptr<std::int32_t>(),
                              .query_start = plan.query_start.const_data_ptr<std::int32_t>(),
                              .key_begin = plan.key_begin.const_data_ptr<std::int32_t>(),
                              .key_end = plan.key_end.const_data_ptr<std::int32_t>(),
                              .ascending = plan.ascending,
                              .max_distance = plan.max_distance};
  const auto out = at::zeros_like(q), dq = at::zeros_like(q);
  const auto lse = at::full({G, q.size(2)}, -INFINITY, options), largest = lse.clone();
  const auto total = at::zeros_like(lse), shift = at::zeros_like(lse);
  const auto dk = at::zeros({G, Nk, D}, options), dv = at::zeros_like(dk);
  std::vector<T> scratch(static_cast<std::size_t>(sparse::scratch_size(D)));
  const sparse::ForwardParams<T> forward{.plan = view,
                                         .query = q.template const_data_ptr<T>(),
                                         .key = k.template const_data_ptr<T>(),
                                         .value = v.template const_data_ptr<T>(),
                                         .scale = T{0.25},
                                         .out = out.template mutable_data_ptr<T>(),
                                         .lse = lse.template mutable_data_ptr<T>(),
                                         .largest = largest.template mutable_data_ptr<T>(),
                                         .total = total.template mutable_data_ptr<T>()};
  const auto queries = sparse::query_tiles(view);
  for (const auto& tile : queries) kernels.forward(forward, tile, scratch.data());
  const sparse::BackwardParams<T> backward{.plan = view,
                                           .query = forward.query,
                                           .key = forward.key,
                                           .value = forward.value,
                                           .out = forward.out,
                                           .largest = forward.largest,
                                           .total = forward.total,
                                           .grad_out = grad_out.template const_data_ptr<T>(),
                                           .shift = shift.template mutable_data_ptr<T>(),
                                           .scale = forward.scale,
                                           .grad_query = dq.template mutable_data_ptr<T>(),
                                           .grad_packed_key = dk.template mutable_data_ptr<T>(),
                                           .grad_packed_value = dv.template mutable_data_ptr<T>()};
  for (const auto& tile : queries) kernels.backward_query(backward, tile, scratch.data());
  for (const auto& tile : sparse::key_tiles(view)) {
    kernels.backward_key(backward, tile, scratch.data());
  }
  return {out, lse.masked_fill(lse.isinf(), 0.0), dq, dk, dv};
}

/// The rule of tolerance.h, with the plain instruction set in LibTorch's place.
void expect_same_answer(const sparse::Kernels<float>& kernels) {
  const char* const names[] = {"out", "lse", "dq", "packed dk", "packed dv"};
  for (const auto kind : {PlanKind::buckets, PlanKind::look_back}) {
    const auto plan = random_plan(kind, {2, 8, 150}, 51);
    const RandomInput in({2, 8, 150, 20}, at::kFloat, false);
    const auto ours = by_kernels(kernels, plan, in);
    const auto plain = by_kernels(sparse::baseline::kernel_table().float32, plan, in);
    const auto exact = by_kernels(sparse::baseline::kernel_table().float64, plan, in);
    for (std::size_t i = 0; i < ours.size(); ++i) {
      expect_by_rule(names[i], ours[i], plain[i], exact[i], at::kFloat);
    }
  }
}

TEST(InstructionSets, agree_with_baseline) {
  for (const auto& name : sparse::runnable_sets()) {
    SCOPED_TRACE(name);
    expect_same_answer(sparse::kernel_table_of(name).float32);
  }
}

/// Largest sum of live tensor bytes in one forward and backward.
std::int64_t peak_bytes(std::int64_t T) {
  const RandomInput in({1, 1, T, 8}, at::kFloat, false);
  const CountingAllocator counting;
  at::manual_seed(5);
  const auto buckets = at::randint(4, {1, 1, T}, at::kInt);
  (void)results(sparse::bucket_plan(buckets, buckets, 4, false), in, 1);
  (void)results(sparse::full_plan(1, 1, T, true), in, 1);
  return counting.peak();
}

TEST(SegmentMemory, grows_linearly_with_length) {
  const auto half = peak_bytes(4096), whole = peak_bytes(8192);
  EXPECT_GT(half, 4096 * 8 * 4);
  EXPECT_LT(static_cast<double>(whole) / static_cast<double>(half), 2.05);
  EXPECT_LT(whole, 8192 * 8 * 4 * 20) << "20 tensors of [T, D] floats; T x T would be 1000";
}

}  // namespace
}  // namespace attnlab::test
