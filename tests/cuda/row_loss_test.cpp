// Cross entropy of rows and its gradient against float64: row lengths that begin anywhere and fill no
// vector, targets that are not scored or no class, logits that are infinite.
#include "framework/cuda/row_loss.cuh"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "framework/cuda/model_launch.h"
#include "tests/cuda/device_arrays.h"

namespace attnlab::cuda::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <class Element>
struct Rows {
  Rows(std::int64_t rows, std::int64_t classes, double spread) : classes(classes), target(rows), logits(rows * classes) {
    std::mt19937 random(static_cast<unsigned>(rows * 1000 + classes));
    std::normal_distribution<double> normal(0, spread);
    for (auto& x : logits) x = rounded<Element>(normal(random));
    for (std::int64_t row = 0; row < rows; ++row) target[row] = row % 5 == 3 ? -1 : (row * 7 + 1) % classes;
  }
  [[nodiscard]] double at(std::int64_t row, std::int64_t column) const {
    return gpu::to_float(logits[row * classes + column]);
  }
  /// log of the sum of exp.
  [[nodiscard]] double whole(std::int64_t row) const {
    double high = -kInfinity, sum = 0;
    for (std::int64_t c = 0; c < classes; ++c) high = std::max(high, at(row, c));
    for (std::int64_t c = 0; c < classes; ++c) sum += std::exp(at(row, c) - high);
    return high + std::log(sum);
  }
  std::int64_t classes;
  std::vector<std::int64_t> target;
  std::vector<Element> logits;
};

template <class Element>
struct Computed {
  std::vector<float> nats;
  std::vector<Element> left;  // where the logits were
};
template <class Element>
Computed<Element> computed(const Rows<Element>& rows, bool gradient) {
  const Device<Element> logits(rows.logits);
  const Device<std::int64_t> target(rows.target);
  const Device<float> nats(rows.target.size());
  RowLossParams params{logits.data(), target.data(), nats.data(), static_cast<std::int64_t>(rows.target.size()),
                       rows.classes, gradient};
  EXPECT_EQ(attnlab_cuda_row_loss(&params, kElement<Element>, nullptr), 0);
  return {nats.copy(), logits.copy()};
}

template <class Element>
void expect_close(std::int64_t rows, std::int64_t classes, double spread) {
  SCOPED_TRACE(testing::Message() << rows << " rows of " << classes << ", spread " << spread);
  const Rows<Element> in(rows, classes, spread);
  const auto out = computed(in, true);
  EXPECT_EQ(computed(in, false).nats, out.nats) << "whether a gradient is asked for changes nothing";
  const double step = std::is_same_v<Element, float> ? 0x1p-22 : std::is_same_v<Element, Bf16> ? 0x1p-8 : 0x1p-11;
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto target = in.target[row];
    const double whole = in.whole(row);
    const double nats = target < 0 ? 0 : whole - in.at(row, target);
    ASSERT_NEAR(out.nats[row], nats, 4e-6 * (1 + std::abs(whole) + spread)) << "row " << row;
    for (std::int64_t c = 0; c < classes; ++c) {
      const double expected = target < 0 ? 0 : std::exp(in.at(row, c) - whole) - (c == target ? 1 : 0);
      const double got = gpu::to_float(out.left[row * classes + c]);
      ASSERT_NEAR(got, expected, step * std::abs(expected) + 1e-6 * (1 + spread)) << "row " << row << ", class " << c;
      if (target < 0) {
        ASSERT_EQ(got, 0);
      }
    }
  }
}

template <class Element>
class RowLossOf : public testing::Test {};
using Elements = testing::Types<float, Bf16, F16>;
TYPED_TEST_SUITE(RowLossOf, Elements);

TYPED_TEST(RowLossOf, rows_for_a_warp_is_cross_entropy) {
  for (const std::int64_t classes : {1, 2, 3, 7, 8, 9, 17, 31, 64, 257, 2048}) expect_close<TypeParam>(19, classes, 2);
  expect_close<TypeParam>(3, 256, 40);
  expect_close<TypeParam>(0, 10, 1);
}

TYPED_TEST(RowLossOf, rows_for_a_block_is_cross_entropy) {
  for (const std::int64_t classes : {2049, 4096, 5003}) expect_close<TypeParam>(6, classes, 3);
}

TEST(RowLossBits, are_the_same_every_time) {
  const Rows<Bf16> in(4, 3001, 3);
  EXPECT_EQ(computed(in, true).nats, computed(in, true).nats);
}

TEST(RowLossNumbers, that_are_infinite_are_told_as_by_log_softmax) {
  for (const std::int64_t classes : {40, 2100}) {
    Rows<float> in(4, classes, 1);
    const auto row = [&](std::int64_t i) { return in.logits.begin() + i * classes; };
    in.target = {5, 6, 7, classes};
    std::fill(row(0), row(0) + 20, -kInfinity);  // masked classes, and one of them is the target
    row(1)[3] = static_cast<float>(kInfinity);
    row(2)[9] = std::numeric_limits<float>::quiet_NaN();
    const auto out = computed(in, true);
    EXPECT_EQ(out.nats[0], kInfinity);
    EXPECT_EQ(out.left[5], -1) << "softmax is 0 there";
    EXPECT_EQ(out.left[2], 0);
    EXPECT_GT(out.left[30], 0);
    EXPECT_TRUE(std::isnan(out.nats[1]));
    EXPECT_TRUE(std::isnan(out.nats[2]));
    EXPECT_TRUE(std::isnan(out.nats[3])) << "no class";
  }
}

}  // namespace
}  // namespace attnlab::cuda::test
