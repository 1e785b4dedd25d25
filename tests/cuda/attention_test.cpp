// The attention kernels, emulated or on a GPU, against float64: every kind of plan and mask, odd
// shapes.
#include <gtest/gtest.h>

#include "tests/cuda/attention_judge.h"

namespace attnlab::cuda::test {
namespace {

enum class Type { bfloat16, float16, float32 };

struct Case {
  PlanKind kind;
  std::int64_t length, dim;
  Type type = Type::bfloat16;
  TileShape shape = TileShape::large;
};
void PrintTo(const Case& c, std::ostream* out) {
  PrintTo(c.kind, out);
  *out << ", T " << c.length << ", D " << c.dim
       << (c.type == Type::bfloat16  ? ", bfloat16"
           : c.type == Type::float16 ? ", float16"
                                     : ", float32")
       << (c.shape == TileShape::small ? ", small tiles" : "");
}

void expect_exact(const HostPlan& plan, std::int64_t dim, Type type, std::uint32_t seed,
                  Manner manner, double scale = 0) {
  emulator::set_seed(seed);
  const auto with = [&]<class T>(T) {
    auto in = random_input<T>(plan.plan, dim, seed);
    if (scale != 0) in.scale = scale;
    expect_exact<T>(plan, in, manner);
  };
  if (type == Type::bfloat16) with(Bf16{});
  if (type == Type::float16) with(F16{});
  if (type == Type::float32) with(float{});
}

class AttentionKernels : public testing::TestWithParam<Case> {};

TEST_P(AttentionKernels, equal_the_float64_reference) {
  const Case c = GetParam();
  const PlanShape shape{c.type == Type::float32 ? 1 : 2, c.length < 70 ? 4 : 2, c.length};
  const auto seed = static_cast<std::uint32_t>(c.length * 1000 + c.dim);
  auto plan = random_plan(c.kind, shape, seed);
  plan.plan.include_self = c.length % 2 == 0;
  const bool all = holds_all_rows(c.kind);
  expect_exact(plan, c.dim, c.type, seed,
               {.packed = c.kind == PlanKind::look_back || (!all && c.length % 3 == 0),
                .all = all,
                .shape = c.shape});
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto kind : {PlanKind::buckets, PlanKind::windows, PlanKind::look_back}) {
    for (const std::int64_t length : {1, 2, 7, 63, 64, 65, 129, 333}) {
      all.push_back({kind, length, 64, Type::bfloat16});
    }
    for (const std::int64_t dim : {8, 16, 24, 32, 80, 96, 128}) {
      all.push_back({kind, 70 + dim / 8, dim, dim % 3 == 0 ? Type::float16 : Type::bfloat16});
    }
    all.push_back({kind, 129, 64, Type::float16});
    for (const std::int64_t dim : {16, 32, 64, 96, 128}) {
      all.push_back({kind, 60 + dim / 8, dim, Type::float32});
    }
  }
  for (const auto kind : {PlanKind::kept, PlanKind::chunks}) {
    for (const std::int64_t length : {1, 2, 65, 200}) all.push_back({kind, length, 64});
    all.push_back({kind, 77, 24, Type::float16});
    all.push_back({kind, 77, 128, Type::bfloat16});
    for (const std::int64_t dim : {32, 128}) all.push_back({kind, 71, dim, Type::float32});
  }
  for (std::size_t i = 0, large = all.size(); i < large; ++i) {
    auto small = all[i];
    if (small.dim > 64 || small.type == Type::float32) continue;
    small.shape = TileShape::small;
    all.push_back(small);
  }
  return all;
}
INSTANTIATE_TEST_SUITE_P(plans, AttentionKernels, testing::ValuesIn(cases()));

struct MaskCase {
  PlanKind kind;
  Type type;
  TileShape shape = TileShape::large;
};
void PrintTo(const MaskCase& c, std::ostream* out) {
  PrintTo(Case{c.kind, 83, 32, c.type, c.shape}, out);
}

class AttentionMask : public testing::TestWithParam<MaskCase> {
 protected:
  static constexpr std::int64_t kLength = 83;
  HostPlan plan_ = random_plan(GetParam().kind, {1, 2, kLength}, 5);
  std::mt19937 random_{11};
  Numbers labels(int count, std::int64_t layers = 1) {
    Numbers numbers(static_cast<std::size_t>(layers * plan_.plan.groups * kLength));
    for (auto& x : numbers) x = static_cast<std::int32_t>(random_() % static_cast<unsigned>(count));
    return numbers;
  }
  void check(double scale = 0) const {
    expect_exact(plan_, 32, GetParam().type, 7,
                 {.packed = GetParam().kind == PlanKind::look_back, .shape = GetParam().shape},
                 scale);
  }
};

TEST_P(AttentionMask, respects_max_distance) {
  plan_.plan.max_distance = 9;
  check();
}

TEST_P(AttentionMask, with_max_distance_one_sees_only_itself) {
  plan_.plan.max_distance = 1;
  plan_.plan.include_self = true;
  check();
}

TEST_P(AttentionMask, without_causality_sees_the_future) {
  plan_.plan.causal = false;
  plan_.plan.include_self = true;
  check();
}

TEST_P(AttentionMask, without_causality_can_leave_itself_out) {
  plan_.plan.causal = false;
  plan_.plan.max_distance = 20;
  check();
}

TEST_P(AttentionMask, attends_only_where_labels_agree) {
  plan_.query_labels = labels(3);
  plan_.key_labels = labels(3);
  check();
}

TEST_P(AttentionMask, leaves_out_pairs_of_earlier_rounds) {
  plan_.chunks = labels(6, 3);
  for (plan_.plan.round = 1; plan_.plan.round < 3; ++plan_.plan.round) check();
}

TEST_P(AttentionMask, an_earlier_round_contains_only_pairs_with_equal_labels) {
  plan_.chunks = labels(4, 3);
  plan_.round_labels = labels(2, 3);
  plan_.plan.round = 2;
  plan_.query_labels = plan_.key_labels = labels(2);
  check();
}

TEST_P(AttentionMask, takes_a_scale) { check(0.7); }

INSTANTIATE_TEST_SUITE_P(
    plans, AttentionMask, testing::ValuesIn([] {
      std::vector<MaskCase> all;
      for (const auto kind : {PlanKind::buckets, PlanKind::windows, PlanKind::look_back}) {
        for (const auto type : {Type::bfloat16, Type::float32}) all.push_back({kind, type});
        all.push_back({kind, Type::bfloat16, TileShape::small});
      }
      return all;
    }()));

TEST(AttentionLaunch, without_segments_gives_zero) {
  auto plan = random_plan(PlanKind::buckets, {1, 2, 5}, 1);
  plan.plan.segments = plan.plan.queries = plan.plan.keys = 0;
  plan.query_rows = plan.key_rows = plan.key_begin = plan.key_end = {};
  plan.query_start = {0, 0};
  for (const auto type : {Type::bfloat16, Type::float32}) expect_exact(plan, 64, type, 3, {});
}

/// Scores of several thousand, some of them all negative: exp(score) overflows, and so does
/// exp(0 - lse), which a masked padding row of a tile must not meet.
TEST(AttentionLaunch, keeps_very_large_and_very_negative_scores_finite) {
  const auto plan = random_plan(PlanKind::buckets, {1, 4, 90}, 9);
  for (const double sign : {1.0, -1.0}) {
    auto in = random_input<Bf16>(plan.plan, 64, 4);
    in.scale = 4;
    for (auto& x : in.query) x = round_double<Bf16>(std::abs(x) * 4);
    for (auto& x : in.key) x = round_double<Bf16>(sign * std::abs(x) * 4);
    ASSERT_GT(std::abs(attend(in, plan).lse[89]), 1000);
    for (const auto shape : {TileShape::large, TileShape::small}) {
      expect_exact<Bf16>(plan, in, {.shape = shape});
    }
  }
}

TEST(AttentionLaunch, does_not_read_the_gradient_of_rows_that_see_nothing) {
  const auto plan = random_plan(PlanKind::look_back, {1, 2, 67}, 8);
  const auto run = [&]<class T>(T, TileShape shape) {
    auto in = random_input<T>(plan.plan, 64, 2);
    const Attended exact = attend(in, plan);
    int unseen = 0;
    for (std::size_t row = 0; row < exact.lse.size(); ++row) {
      if (!std::isinf(exact.lse[row])) continue;
      ++unseen;
      for (std::size_t d = 0; d < 64; ++d) in.grad_out[row * 64 + d] = std::nan("");
      in.grad_lse[row] = std::nan("");
    }
    ASSERT_GT(unseen, 5);
    const Attended actual = attend_on_device<T>(in, plan, {.packed = true, .shape = shape});
    for (const auto* values : {&actual.grad_query, &actual.grad_key, &actual.grad_value}) {
      for (const double x : *values) ASSERT_TRUE(std::isfinite(x));
    }
    expect_nothing_unseen(in, actual, exact);
  };
  run(Bf16{}, TileShape::large);
  run(Bf16{}, TileShape::small);
  run(float{}, TileShape::large);
}

TEST(AttentionLaunch, passes_not_a_number_on_instead_of_hiding_it) {
  const auto plan = random_plan(PlanKind::windows, {1, 1, 9}, 12);
  auto in = random_input<Bf16>(plan.plan, 64, 2);
  for (auto& x : in.query) x = std::nan("");
  const auto pairs = plan.pairs(0);
  const Attended actual = attend_on_device<Bf16>(in, plan, {});
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    EXPECT_EQ(std::isnan(actual.out[i * 64]), !pairs[i].empty()) << "row " << i;
  }
}

TEST(AttentionLaunch, is_the_same_bit_for_bit_in_whatever_order_warps_run) {
  const auto plan = random_plan(PlanKind::windows, {1, 2, 200}, 3);
  const auto in = random_input<Bf16>(plan.plan, 64, 2);
  for (const auto shape : {TileShape::large, TileShape::small}) {
    Attended first;
    for (std::uint32_t seed = 0; seed < 3; ++seed) {
      emulator::set_seed(seed);
      const Attended again = attend_on_device<Bf16>(in, plan, {.packed = true, .shape = shape});
      if (seed == 0) first = again;
      EXPECT_EQ(again.out, first.out);
      EXPECT_EQ(again.grad_query, first.grad_query);
      EXPECT_EQ(again.grad_key, first.grad_key);
      EXPECT_EQ(again.grad_value, first.grad_value);
    }
  }
}

TEST(AttentionLaunch, with_atomics_is_as_exact) {
  for (const auto kind : {PlanKind::buckets, PlanKind::windows, PlanKind::look_back}) {
    for (const std::int64_t dim : {16, 64, 96, 128}) {
      const auto plan = random_plan(kind, {1, 2, 150}, static_cast<std::uint32_t>(dim));
      expect_exact<Bf16>(plan, random_input<Bf16>(plan.plan, dim, 3),
                         {.packed = kind == PlanKind::look_back, .atomic = true});
    }
  }
  const auto plan = random_plan(PlanKind::buckets, {1, 1, 20}, 1);
  const auto in = random_input<float>(plan.plan, 32, 1);
  DeviceAttention<float> refused(in, plan, {.atomic = true});
  EXPECT_NE(refused.try_launch(nullptr), 0) << "float32 has no such kernel";
}

TEST(AttentionLaunch, takes_more_groups_than_a_second_grid_axis_has) {
  constexpr std::int64_t kGroups = 65'540;
  HostPlan plan;
  plan.plan.groups = plan.plan.heads = kGroups;
  plan.plan.length = plan.plan.queries = plan.plan.keys = 2;
  plan.plan.segments = 1;
  plan.plan.ascending = true;
  plan.plan.include_self = true;
  plan.plan.max_distance = 100;
  for (std::int64_t g = 0; g < kGroups; ++g) {
    const bool used = g == 0 || g > 65'535;
    append(plan.query_rows, {0, 1}, 2, 0);
    append(plan.key_rows, {0, 1}, 2, 0);
    append(plan.query_start, {0, used ? 2 : 0}, 2, 0);
    append(plan.key_begin, {0}, 1, 0);
    append(plan.key_end, {used ? 2 : 0}, 1, 0);
  }
  expect_exact(plan, 8, Type::bfloat16, 1, {});
}

/// The second batch begins beyond 2^31 elements. Memory that nobody touches costs nothing.
TEST(AttentionLaunch, takes_more_elements_than_31_bits_count) {
  constexpr std::int64_t kGap = (std::int64_t{1} << 31) + 64;
  const auto plan = random_plan(PlanKind::buckets, {2, 2, 50}, 8);
  bool ran = false;
  const auto run = [&]<class T>(T) {
    constexpr std::size_t kArrays = 8;  // of rows
    if (!has_room((kArrays + 1) * kGap * sizeof(T))) return;
    expect_exact<T>(plan, random_input<T>(plan.plan, 32, 9), {.gap = kGap});
    ran = true;
  };
  run(Bf16{});
  run(float{});
  if (!ran) GTEST_SKIP() << "not enough free memory on the device";
}

}  // namespace
}  // namespace attnlab::cuda::test
