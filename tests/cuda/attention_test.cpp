// The emulated attention kernels against float64: every kind of plan, every mask, odd shapes.
#include <gtest/gtest.h>

#include "tests/cuda/attention_case.h"

namespace attnlab::cuda::test {
namespace {

struct Case {
  PlanKind kind;
  std::int64_t length, dim;
};
void PrintTo(const Case& c, std::ostream* out) {
  PrintTo(c.kind, out);
  *out << ", T " << c.length << ", D " << c.dim;
}

class EmulatedKernels : public testing::TestWithParam<Case> {};

TEST_P(EmulatedKernels, equal_the_float64_reference) {
  const Case c = GetParam();
  const PlanShape shape{1, c.length < 100 ? 4 : 2, c.length};
  const auto seed = static_cast<std::uint32_t>(c.length * 1000 + c.dim);
  auto plan = random_plan(c.kind, shape, seed);
  plan.plan.include_self = c.length % 2 == 0;
  emulator::set_seed(seed);
  expect_exact<Bf16>(plan, random_input<Bf16>(plan.plan, c.dim, seed),
                     c.kind == PlanKind::look_back);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto kind : {PlanKind::buckets, PlanKind::windows, PlanKind::look_back}) {
    for (const auto& [length, dim] : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {1, 64}, {2, 64}, {17, 64}, {64, 64}, {65, 64}, {150, 64}, {333, 64}}) {
      all.push_back({kind, length, dim});
    }
  }
  return all;
}
INSTANTIATE_TEST_SUITE_P(plans, EmulatedKernels, testing::ValuesIn(cases()));

}  // namespace
}  // namespace attnlab::cuda::test
