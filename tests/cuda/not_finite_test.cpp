// NaN and Inf in a row reach the results of the rows that attend to it, and no other: 0 * NaN is
// NaN, so a masked pair's weight of 0 does not keep it out by itself.
#include <gtest/gtest.h>

#include "tests/cuda/attention_judge.h"

namespace attnlab::cuda::test {
namespace {

enum class Spoil { value_row, value_element, key_row, query_row, grad_element, grad_row, grad_lse };
constexpr Spoil kSpoils[] = {Spoil::value_row, Spoil::value_element, Spoil::key_row,
                             Spoil::query_row, Spoil::grad_element,  Spoil::grad_row,
                             Spoil::grad_lse};
const char* const kNames[] = {"value row",        "value element", "key row", "query row",
                              "grad_out element", "grad_out row",  "grad_lse"};

void spoil(AttentionInput& in, Spoil what, std::int64_t row, double bad) {
  auto& values = what == Spoil::key_row                                     ? in.key
                 : what == Spoil::query_row                                 ? in.query
                 : what == Spoil::grad_lse                                  ? in.grad_lse
                 : what == Spoil::value_row || what == Spoil::value_element ? in.value
                                                                            : in.grad_out;
  const std::int64_t width = what == Spoil::grad_lse ? 1 : in.dim;
  const bool one = what == Spoil::value_element || what == Spoil::grad_element;
  const auto first = static_cast<std::size_t>(row * width);
  for (std::int64_t d = one ? width - 3 : 0; d < (one ? width - 2 : width); ++d) {
    values[first + static_cast<std::size_t>(d)] = bad;
  }
}

/// Where `exact` is not finite `actual` must not be either; both are 0 then. How often that is.
int take_out(Values& actual, Values& baseline, Values& exact, bool keep_infinity) {
  int count = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    if (std::isfinite(exact[i]) || (keep_infinity && exact[i] < 0)) continue;
    EXPECT_FALSE(std::isfinite(actual[i])) << i;
    actual[i] = baseline[i] = exact[i] = 0;
    ++count;
  }
  return count;
}

/// Returns how many elements of the results are not finite.
template <class T>
int expect_exact_elsewhere(const HostPlan& plan, const AttentionInput& in, Manner manner) {
  Attended actual = attend_on_device<T>(in, plan, manner);
  Attended exact = attend(in, plan), baseline = attend<float>(in, plan, round_double<T>);
  int bad = 0;
  const auto judge = [&]<class E>(const char* name, E, Values Attended::*values) {
    SCOPED_TRACE(name);
    const bool lse = values == &Attended::lse;  // -inf for rows without keys
    bad += take_out(actual.*values, baseline.*values, exact.*values, lse);
    expect_close<E>(name, actual.*values, baseline.*values, exact.*values);
  };
  judge("out", T{}, &Attended::out);
  judge("lse", float{}, &Attended::lse);
  judge("grad_query", T{}, &Attended::grad_query);
  judge("grad_key", T{}, &Attended::grad_key);
  judge("grad_value", T{}, &Attended::grad_value);
  return bad;
}

struct Case {
  PlanKind kind;
  std::int64_t dim;
  bool atomic = false;
  TileShape shape = TileShape::large;
};
void PrintTo(const Case& c, std::ostream* out) {
  PrintTo(c.kind, out);
  *out << ", D " << c.dim << (c.atomic ? ", atomic" : "")
       << (c.shape == TileShape::groups  ? ", by warpgroups"
           : c.shape == TileShape::small ? ", small tiles"
                                         : "");
}

class NotFinite : public testing::TestWithParam<Case> {
 protected:
  static constexpr std::int64_t kLength = 100, kRow = 40;

  template <class T>
  void expect_kept_in(std::int64_t max_distance) const {
    const auto [kind, dim, atomic, shape] = GetParam();
    if (shape == TileShape::groups && !has_group_device())
      GTEST_SKIP() << "not compute capability 9.0";
    auto plan = random_plan(kind, {1, 1, kLength, 2}, 4);
    plan.plan.max_distance = max_distance;
    plan.plan.include_self = true;
    const auto clean = random_input<T>(plan.plan, dim, 3);
    for (const Spoil what : kSpoils) {
      for (const double bad : {std::nan(""), HUGE_VAL}) {
        SCOPED_TRACE(std::string(kNames[static_cast<int>(what)]) + " of " + std::to_string(bad));
        auto in = clean;
        for (const auto row : {kRow, kRow + 1, kRow + 2}) spoil(in, what, row, bad);
        const int count = expect_exact_elsewhere<T>(
            plan, in, {.packed = kind == PlanKind::look_back, .atomic = atomic, .shape = shape});
        EXPECT_GT(count, 0) << "it is seen somewhere";
        EXPECT_LT(count, 3 * kLength * dim) << "and not everywhere";
      }
    }
  }
};

TEST_P(NotFinite, stays_where_it_is_seen_in_bfloat16) { expect_kept_in<Bf16>(30); }
TEST_P(NotFinite, stays_where_it_is_seen_in_float16) { expect_kept_in<F16>(7); }
TEST_P(NotFinite, stays_where_it_is_seen_in_float32) {
  if (GetParam().atomic || GetParam().shape != TileShape::large)
    GTEST_SKIP() << "float32 has no such kernel";
  expect_kept_in<float>(30);
}

INSTANTIATE_TEST_SUITE_P(plans, NotFinite,
                         testing::ValuesIn(std::vector<Case>{
                             {PlanKind::buckets, 64},
                             {PlanKind::windows, 24},
                             {PlanKind::look_back, 64},
                             {PlanKind::windows, 96},
                             {PlanKind::buckets, 128},
                             {PlanKind::windows, 64, true},
                             {PlanKind::look_back, 128, true},
                             {PlanKind::windows, 64, false, TileShape::groups},
                             {PlanKind::look_back, 128, false, TileShape::groups},
                             {PlanKind::windows, 104, false, TileShape::groups},
                             {PlanKind::buckets, 64, false, TileShape::small},
                             {PlanKind::look_back, 24, false, TileShape::small},
                         }));

/// Rows of no segment, and those whose neighbours in a tile are masked for everybody.
TEST(NotFiniteRows, that_nobody_sees_change_nothing) {
  auto plan = random_plan(PlanKind::buckets, {1, 2, 70}, 6);
  const auto with = [&]<class T>(T, bool atomic) {
    const auto clean = random_input<T>(plan.plan, 32, 3);
    auto in = clean;
    std::vector<bool> seen(140);
    for (std::int64_t g = 0; g < 2; ++g) {
      for (const auto& keys : plan.pairs(g)) {
        for (const auto key : keys) seen[static_cast<std::size_t>(g * 70 + key)] = true;
      }
    }
    int unseen = 0;
    for (std::int64_t row = 0; row < 140; ++row) {
      if (seen[static_cast<std::size_t>(row)]) continue;
      ++unseen;
      spoil(in, Spoil::value_row, row, std::nan(""));
      spoil(in, Spoil::key_row, row, HUGE_VAL);
    }
    ASSERT_GT(unseen, 2);
    EXPECT_EQ(expect_exact_elsewhere<T>(plan, in, {.atomic = atomic}), 0);
  };
  with(Bf16{}, false);
  with(F16{}, true);
  with(float{}, false);
}

}  // namespace
}  // namespace attnlab::cuda::test
