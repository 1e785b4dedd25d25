// The device's check of plans that nobody vouches for: every rule, wherever it is broken, and
// nothing read that is out of reach.
#include <gtest/gtest.h>

#include <climits>

#include "tests/cuda/attention_case.h"

namespace attnlab::cuda::test {
namespace {

struct Checked {
  std::vector<std::int32_t> refused;
  PlanFault fault;
};
Checked check(const HostPlan& host) {
  const DevicePlan device(host);
  CheckParams p;
  p.plan = device.plan;
  const Device<std::int32_t> owners(static_cast<std::size_t>(p.plan.groups * p.plan.length)),
      refused(static_cast<std::size_t>(p.plan.groups));
  const Device<PlanFault> fault(std::vector<PlanFault>(1));
  p.owners = owners.data();
  p.refused = refused.data();
  p.fault = fault.data();
  EXPECT_EQ(attnlab_cuda_check_plan(&p, nullptr), 0);
  return {refused.copy(), *fault.data()};
}

TEST(PlanCheck, finds_nothing_in_plans_of_all_kinds) {
  for (const auto kind : {PlanKind::buckets, PlanKind::windows, PlanKind::look_back}) {
    for (const std::int64_t length : {1, 40, 700}) {
      const auto found = check(random_plan(kind, {2, 3, length}, 5));
      EXPECT_EQ(found.refused, std::vector<std::int32_t>(6));
      EXPECT_EQ(found.fault.rule, PlanFault::none);
    }
  }
}

struct Breach {
  Numbers HostPlan::*array;
  std::size_t at;  // of the second group's
  std::int32_t value;
  PlanFault::Rule rule;
  std::int32_t one, two;
};
enum { kQueryRows, kKeyRows, kQueryStart, kKeyBegin, kKeyEnd };

/// Two groups of 8 rows in two segments of 4; keys 0..3, two that nobody sees, 4..7.
HostPlan small_plan() {
  HostPlan plan;
  plan.plan.groups = plan.plan.heads = 2;
  plan.plan.length = plan.plan.queries = 8;
  plan.plan.keys = 10;
  plan.plan.segments = 2;
  plan.plan.ascending = true;
  plan.plan.max_distance = 100;
  for (int g = 0; g < 2; ++g) {
    append(plan.query_rows, {0, 1, 2, 3, 4, 5, 6, 7}, 8, 0);
    append(plan.key_rows, {0, 1, 2, 3, HostPlan::kGarbage, -1, 4, 5, 6, 7}, 10, 0);
    append(plan.query_start, {0, 4, 8}, 3, 0);
    append(plan.key_begin, {0, 6}, 2, 0);
    append(plan.key_end, {4, 10}, 2, 0);
  }
  return plan;
}

TEST(PlanCheck, names_the_rule_that_is_broken_and_the_numbers) {
  EXPECT_EQ(check(small_plan()).refused, (std::vector<std::int32_t>{0, 0}));
  const Breach breaches[] = {
      {&HostPlan::query_start, 2, 9, PlanFault::bounds, 9, 8},
      {&HostPlan::query_start, 0, -1, PlanFault::bounds, -1, 8},
      {&HostPlan::query_start, 1, INT_MAX, PlanFault::bounds, INT_MAX, 8},
      {&HostPlan::query_start, 2, 3, PlanFault::steps_back, 4, 3},
      {&HostPlan::key_begin, 1, 11, PlanFault::bounds, 11, 10},
      {&HostPlan::key_begin, 0, 7, PlanFault::steps_back, 7, 6},
      {&HostPlan::key_end, 0, INT_MIN, PlanFault::bounds, INT_MIN, 10},
      {&HostPlan::key_end, 1, 3, PlanFault::steps_back, 4, 3},
      {&HostPlan::query_rows, 7, 8, PlanFault::row, 8, 8},
      {&HostPlan::query_rows, 0, -1, PlanFault::row, -1, 8},
      {&HostPlan::query_rows, 2, 100000000, PlanFault::row, 100000000, 8},
      {&HostPlan::query_rows, 5, 6, PlanFault::twice, 6, 0},
      {&HostPlan::key_rows, 3, 8, PlanFault::row, 8, 8},
      {&HostPlan::key_rows, 9, INT_MAX, PlanFault::row, INT_MAX, 8},
      {&HostPlan::key_rows, 6, -5, PlanFault::row, -5, 8},
      {&HostPlan::key_rows, 1, 7, PlanFault::descends, 7, 2},
  };
  for (const auto& breach : breaches) {
    auto plan = small_plan();
    auto& array = plan.*breach.array;
    array[array.size() / 2 + breach.at] = breach.value;
    const auto found = check(plan);
    SCOPED_TRACE("rule " + std::to_string(breach.rule) + " at " + std::to_string(breach.at));
    EXPECT_EQ(found.refused, (std::vector<std::int32_t>{0, 1}));
    EXPECT_EQ(found.fault.rule, breach.rule);
    EXPECT_EQ(found.fault.one, breach.one);
    EXPECT_EQ(found.fault.two, breach.two);
    const Numbers HostPlan::*arrays[] = {&HostPlan::query_rows, &HostPlan::key_rows,
                                         &HostPlan::query_start, &HostPlan::key_begin,
                                         &HostPlan::key_end};
    EXPECT_EQ(arrays[found.fault.array], breach.array);
  }
}

TEST(PlanCheck, names_a_segment_that_ends_before_it_begins_and_queries_that_step_back) {
  auto plan = small_plan();
  plan.key_end[2] = 0;
  plan.key_begin[2] = 1;
  auto found = check(plan);
  EXPECT_EQ(found.fault.rule, PlanFault::segment);
  EXPECT_EQ((std::vector{found.fault.array, found.fault.one, found.fault.two}),
            (std::vector<std::int32_t>{0, 1, 0}));
  plan = small_plan();
  std::swap(plan.query_rows[9], plan.query_rows[10]);
  EXPECT_EQ(check(plan).fault.rule, PlanFault::descends);
  plan.plan.ascending = false;
  EXPECT_EQ(check(plan).fault.rule, PlanFault::none);
}

}  // namespace
}  // namespace attnlab::cuda::test
