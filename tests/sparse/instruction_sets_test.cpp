// The kernels of every instruction set that this processor runs, against the formulas in float64;
// and which set is chosen. Without LibTorch, so that it runs quickly on an emulated processor.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "framework/core/error.h"
#include "framework/core/machine.h"
#include "framework/sparse/dispatch.h"
#include "tests/sparse/kernel_case.h"

namespace attnlab::test {
namespace {

struct Part {
  const char* name;
  std::vector<double> KernelAnswer::*values;
};
constexpr Part kParts[] = {{"out", &KernelAnswer::out},
                           {"lse", &KernelAnswer::lse},
                           {"gradient of queries", &KernelAnswer::grad_query},
                           {"gradient of keys", &KernelAnswer::grad_key},
                           {"gradient of values", &KernelAnswer::grad_value}};

double largest_error(const std::vector<double>& a, const std::vector<double>& b) {
  double error = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!(std::abs(a[i] - b[i]) <= error)) error = std::abs(a[i] - b[i]);  // NaN counts
  }
  return error;
}

/// Errors in units in the last place of the largest value.
void expect_close(const KernelAnswer& actual, const KernelAnswer& exact, double places, int bits) {
  for (const auto& part : kParts) {
    const auto& reference = exact.*part.values;
    double largest = 0;
    for (const double x : reference) largest = std::max(largest, std::abs(x));
    const double place = std::ldexp(1.0, largest > 0 ? std::ilogb(largest) - bits : -bits);
    EXPECT_LE(largest_error(actual.*part.values, reference) / place, places) << part.name;
  }
}

struct Shape {
  std::int64_t T, D, S;
  bool ascending;
};
const Shape kShapes[] = {{1, 3, 1, true},     {70, 16, 1, true},   {200, 64, 1, true},
                         {150, 20, 4, true},  {333, 65, 3, true},  {130, 128, 2, true},
                         {150, 20, 4, false}, {129, 64, 3, false}, {90, 1, 30, false}};

class InstructionSet : public testing::TestWithParam<std::string> {
 protected:
  template <class E>
  void expect_exact(sparse::Kernels<E> sparse::KernelTable::*kernels, double places, int bits) {
    const auto& table = sparse::kernel_table_of(GetParam());
    for (const auto& s : kShapes) {
      SCOPED_TRACE(testing::Message()
                   << "T " << s.T << ", D " << s.D << ", " << s.S << " segments, "
                   << (s.ascending ? "" : "not ") << "ascending");
      const auto c = kernel_case(s.T, s.D, s.S, s.ascending, 7);
      expect_close(answer_of(table.*kernels, c), expected(c), places, bits);
    }
  }
};

TEST_P(InstructionSet, attends_in_float32) { expect_exact(&sparse::KernelTable::float32, 32, 23); }
TEST_P(InstructionSet, attends_in_float64) { expect_exact(&sparse::KernelTable::float64, 64, 52); }
TEST_P(InstructionSet, attends_in_bfloat16) { expect_exact(&sparse::KernelTable::bfloat16, 4, 7); }
TEST_P(InstructionSet, names_itself) {
  EXPECT_EQ(sparse::kernel_table_of(GetParam()).instruction_set, GetParam());
}
INSTANTIATE_TEST_SUITE_P(runnable, InstructionSet, testing::ValuesIn(machine::instruction_sets()),
                         [](const auto& set) { return set.param; });

TEST(ChosenInstructionSet, is_the_best_or_the_one_asked_for) {
  const char* const wanted = std::getenv("ATTNLAB_CPU");
  const std::string best = wanted != nullptr ? wanted : machine::instruction_sets().front();
  EXPECT_EQ(sparse::kernel_table().instruction_set, best);
  std::printf("instruction set: %s\n", sparse::kernel_table().instruction_set);
}

TEST(ChosenInstructionSetDeathTest, unknown_names_are_refused) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        setenv("ATTNLAB_CPU", "avx3", 1);
        try {
          (void)sparse::kernel_table();
        } catch (const Error& error) {
          std::fprintf(stderr, "%s\n", error.what());
          std::exit(3);
        }
      },
      testing::ExitedWithCode(3), "ATTNLAB_CPU=avx3: expected one of .*baseline");
}

}  // namespace
}  // namespace attnlab::test
