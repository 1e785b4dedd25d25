// Tensors of plans whose maker is known again, and everything after which it must not be.
#include <c10/core/InferenceMode.h>

#include <atomic>
#include <thread>
#include <vector>

#include "framework/sparse/origin.h"
#include "framework/sparse/plan_check.h"
#include "framework/sparse/plans.h"
#include "tests/gpu/device.h"
#include "tests/support/tolerance.h"

namespace attnlab::test {
namespace {

using sparse::SegmentPlan;
constexpr std::int64_t kLength = 40;
using Origin = OnGpu;

at::Tensor some_buckets(std::uint64_t seed = 3, std::int64_t rounds = 0) {
  at::manual_seed(seed);
  auto sizes = std::vector<std::int64_t>{1, 2, kLength};
  if (rounds > 0) sizes.insert(sizes.begin(), rounds);
  return at::randint(4, sizes, at::kInt).to(device());
}

/// As the operators make it: tensors that only their makers know of.
SegmentPlan sorted(const at::Tensor& buckets = some_buckets()) {
  const auto groups = sparse::sort_by_bucket(buckets, 4);
  sparse::note_origin(groups);
  SegmentPlan plan;
  plan.query_rows = plan.key_rows = groups.rows;
  plan.query_start = groups.start;
  plan.key_begin = groups.start.slice(2, 0, 4).clone(at::MemoryFormat::Contiguous);
  plan.key_end = groups.start.slice(2, 1, 5).clone(at::MemoryFormat::Contiguous);
  plan.ascending = true;
  sparse::note_ranges(groups.start, plan.key_begin, plan.key_end);
  return plan;
}

bool is_known(SegmentPlan plan, std::int64_t length = kLength) {
  sparse::seal_by_origin(plan, length);
  return sparse::is_sealed(plan, length);
}

constexpr at::Tensor SegmentPlan::*kTensors[]{&SegmentPlan::query_rows, &SegmentPlan::key_rows, &SegmentPlan::query_start,
                                              &SegmentPlan::key_begin, &SegmentPlan::key_end};

TEST_F(Origin, of_what_builders_made_is_known) {
  EXPECT_TRUE(is_known(sorted()));
  EXPECT_FALSE(is_known(sorted(), kLength - 1)) << "made for another length";
  auto chunks = sorted();
  chunks.ascending = false;
  EXPECT_TRUE(is_known(chunks)) << "what ascends serves where nobody asks for it";
}

TEST_F(Origin, of_every_round_is_known_and_ascends_nowhere) {
  const auto rounds = sparse::sort_into_chunks(some_buckets(3, 3), 4, 16);
  const auto borders = sparse::chunk_plan(rounds, 0, {});
  sparse::note_origin(rounds, borders);
  auto plan = borders;
  for (std::int64_t round = 0; round < 3; ++round) {
    plan.query_rows = plan.key_rows = rounds.order.select(0, round);
    EXPECT_TRUE(is_known(plan)) << round;
  }
  plan.ascending = true;
  EXPECT_FALSE(is_known(plan));
  plan.ascending = false;
  plan.query_rows = rounds.order.flatten().slice(0, 1, 1 + plan.key_rows.numel()).view(plan.key_rows.sizes());
  EXPECT_FALSE(is_known(plan)) << "across two rounds";
  plan.query_rows = plan.key_rows;
  rounds.order.select(0, 0).fill_(7);  // the same version counter
  EXPECT_FALSE(is_known(plan)) << "written through another view";
}

TEST_F(Origin, is_lost_when_a_tensor_is_written_resized_or_exchanged) {
  for (const auto member : kTensors) {
    auto written = sorted();
    (written.*member).add_(0);
    EXPECT_FALSE(is_known(written));
    auto through_a_view = sorted();
    (through_a_view.*member).flatten().select(0, 0).fill_(0);
    EXPECT_FALSE(is_known(through_a_view));
    auto exchanged = sorted();
    exchanged.*member = (exchanged.*member).clone();
    EXPECT_FALSE(is_known(exchanged));
    auto of_another = sorted();
    of_another.*member = sorted(some_buckets(4)).*member;
    EXPECT_FALSE(is_known(of_another)) << "rows of one, borders of another";
    auto resized = sorted();
    (resized.*member).resize_({1, 2, 400});
    (resized.*member).resize_((sorted().*member).sizes());
    EXPECT_FALSE(is_known(resized)) << "its memory is another";
    auto set = sorted();
    (set.*member).set_((sorted().*member).clone());
    EXPECT_FALSE(is_known(set)) << "the same tensor over other memory";
  }
  auto crossed = sorted();
  std::swap(crossed.key_begin, crossed.key_end);
  EXPECT_FALSE(is_known(crossed));
}

TEST_F(Origin, of_freed_memory_is_nobodys) {
  const auto good = sorted();
  for (int i = 0; i < 50; ++i) {
    auto plan = sorted();
    const auto sizes = plan.query_rows.sizes().vec();
    plan.query_rows.reset();
    plan.key_rows.reset();  // nobody holds the rows any more
    plan.query_rows = plan.key_rows = at::full(sizes, 1'000'000, good.query_rows.options());
    EXPECT_FALSE(is_known(plan));
  }
  EXPECT_TRUE(is_known(good));
}

TEST_F(Origin, of_tensors_that_count_no_versions_is_unknown) {
  const auto buckets = some_buckets();
  const c10::InferenceMode inference;
  EXPECT_FALSE(is_known(sorted(buckets)));
}

TEST_F(Origin, is_forgotten_when_too_many_are_known) {
  std::vector<SegmentPlan> kept;
  for (int i = 0; i < 1500; ++i) kept.push_back(sorted());
  EXPECT_LE(sparse::known_origins(), sparse::kMostOrigins);
  EXPECT_TRUE(is_known(kept.back()));
  EXPECT_FALSE(is_known(kept.front())) << "it is checked like any other";
  const auto last = kept.back();
  kept.clear();
  for (int i = 0; i < 1500; ++i) static_cast<void>(sorted());
  EXPECT_LE(sparse::known_origins(), sparse::kMostOrigins);
  EXPECT_TRUE(is_known(last)) << "those whose tensors are gone go first";
}

TEST_F(Origin, is_known_to_every_thread) {
  const auto shared = sorted();
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    std::vector<SegmentPlan> plans;
    for (int i = 0; i < 20; ++i) plans.push_back(sorted(some_buckets(t)));
    threads.emplace_back([&, plans] {
      for (const auto& own : plans) {
        wrong += !is_known(own) || !is_known(shared);
        own.query_rows.add_(1);
        wrong += is_known(own) || !is_known(shared);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

/// A window of one segment, as somebody writes it in Python.
SegmentPlan own_plan() {
  auto plan = sparse::full_plan(1, 2, kLength, true);
  for (const auto member : kTensors) plan.*member = (plan.*member).clone().to(device());
  return plan;
}

TEST_F(Origin, of_a_plan_that_was_looked_at_is_known_where_it_is_whole) {
  auto plan = own_plan();
  EXPECT_FALSE(is_known(plan));
  EXPECT_TRUE(sparse::note_checked(plan, kLength));
  EXPECT_TRUE(is_known(plan));
  plan.key_rows.add_(0);
  EXPECT_FALSE(is_known(plan));

  const auto spoilt = [](at::Tensor SegmentPlan::*member, std::int64_t at, int value) {
    auto other = own_plan();
    (other.*member).select(2, at).fill_(value);
    return other;
  };
  for (const auto& part : {spoilt(&SegmentPlan::query_start, 0, 3), spoilt(&SegmentPlan::key_begin, 0, 3)}) {
    EXPECT_FALSE(sparse::note_checked(part, kLength)) << "some rows are in no segment";
    EXPECT_FALSE(is_known(part));
  }
  auto left_out = own_plan();
  left_out.query_start.select(2, 1).fill_(30);
  EXPECT_TRUE(sparse::note_checked(left_out, kLength)) << "rows behind the last segment are there";
  auto twice = own_plan();
  twice.query_start.select(2, 1).fill_(30);
  twice.query_rows.select(2, 35).fill_(2);
  EXPECT_FALSE(sparse::note_checked(twice, kLength)) << "a row behind the last segment comes twice";
  EXPECT_THROW(static_cast<void>(sparse::note_checked(spoilt(&SegmentPlan::key_rows, 4, 1000), kLength)), c10::Error);
  EXPECT_FALSE(sparse::note_checked(sparse::full_plan(1, 2, kLength, true, device()), kLength + 1));
}

}  // namespace
}  // namespace attnlab::test
