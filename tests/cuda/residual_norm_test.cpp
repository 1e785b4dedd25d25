// x + y, its layer norm and both gradients against float64, at widths that fill no warp and the widest.
#include "framework/cuda/residual_norm.cuh"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tests/cuda/device_arrays.h"

namespace attnlab::cuda::test {
namespace {

constexpr double kEps = 1e-5;

template <class Element>
std::vector<Element> drawn(std::size_t count, unsigned seed, double mean = 0) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(mean, 1);
  std::vector<Element> numbers(count);
  for (auto& x : numbers) x = rounded<Element>(normal(random));
  return numbers;
}

/// Rounded as an element, and what float32 sums of so many numbers of that size may be off.
template <class Element>
double tolerance(double expected, double size) {
  const double step = std::is_same_v<Element, float> ? 0x1p-23 : std::is_same_v<Element, Bf16> ? 0x1p-8 : 0x1p-11;
  return step * std::abs(expected) + 1e-5 * size;
}

template <class Element>
struct Case {
  Case(std::int64_t row_count, std::int32_t width, double mean)
      : rows(row_count), channels(width), x(drawn<float>(rows * channels, 1, mean)), y(drawn<Element>(rows * channels, 2)),
        weight(drawn<float>(channels, 3, 1)), grad_normal(drawn<Element>(rows * channels, 4)),
        grad_sum(drawn<float>(rows * channels, 5)) {}

  void expect_exact(bool with_grad_sum, bool with_grad_y) const {
    const Device<float> x_on(x), weight_on(weight), sum(x.size()), mean(rows), scale(rows), grad_sum_on(grad_sum),
        grad_x(x.size()), grad_weight(norm_blocks(rows) * channels);
    const Device<Element> y_on(y), normal(x.size()), grad_normal_on(grad_normal), grad_y(x.size());
    const ResidualNormParams forward{x_on.data(), y_on.data(), weight_on.data(), sum.data(), normal.data(), mean.data(),
                                     scale.data(), rows, channels, static_cast<float>(kEps)};
    ASSERT_EQ(attnlab_cuda_residual_norm(&forward, kElement<Element>, nullptr), 0);
    const ResidualNormBackwardParams backward{
        sum.data(), mean.data(), scale.data(), weight_on.data(), grad_normal_on.data(),
        with_grad_sum ? grad_sum_on.data() : nullptr, grad_x.data(), with_grad_y ? grad_y.data() : nullptr,
        grad_weight.data(), rows, channels};
    ASSERT_EQ(attnlab_cuda_residual_norm_backward(&backward, kElement<Element>, nullptr), 0);

    const auto sums = sum.copy(), grads = grad_x.copy(), weight_parts = grad_weight.copy();
    const auto normals = normal.copy(), rounded_grads = grad_y.copy();
    std::vector<double> of_weight(channels, 0);
    for (std::int64_t row = 0; row < rows; ++row) {
      const auto at = [&](std::int32_t c) { return row * channels + c; };
      double center = 0, variance = 0, one = 0, along = 0;
      const auto exact = [&](std::int32_t c) { return double{x[at(c)]} + gpu::to_float(y[at(c)]); };
      for (std::int32_t c = 0; c < channels; ++c) center += exact(c) / channels;
      for (std::int32_t c = 0; c < channels; ++c) variance += (exact(c) - center) * (exact(c) - center) / channels;
      const double factor = 1 / std::sqrt(variance + kEps);
      const auto unit = [&](std::int32_t c) { return (exact(c) - center) * factor; };
      const auto grad = [&](std::int32_t c) { return gpu::to_float(grad_normal[at(c)]) * double{weight[c]}; };
      for (std::int32_t c = 0; c < channels; ++c) {
        one += grad(c) / channels;
        along += grad(c) * unit(c) / channels;
        of_weight[c] += gpu::to_float(grad_normal[at(c)]) * unit(c);
      }
      for (std::int32_t c = 0; c < channels; ++c) {
        ASSERT_NEAR(sums[at(c)], exact(c), 1e-6 * (1 + std::abs(exact(c))));
        ASSERT_NEAR(gpu::to_float(normals[at(c)]), unit(c) * weight[c], tolerance<Element>(unit(c) * weight[c], 4)) << row;
        const double expected =
            factor * (grad(c) - one - unit(c) * along) + (with_grad_sum ? double{grad_sum[at(c)]} : 0);
        ASSERT_NEAR(grads[at(c)], expected, 2e-5 * (1 + factor)) << row << ", " << c;
        if (with_grad_y) {
          ASSERT_EQ(gpu::to_float(rounded_grads[at(c)]), gpu::to_float(rounded<Element>(grads[at(c)])));
        }
      }
    }
    for (std::int32_t c = 0; c < channels; ++c) {
      double got = 0;
      for (std::int64_t block = 0; block < norm_blocks(rows); ++block) got += weight_parts[block * channels + c];
      ASSERT_NEAR(got, of_weight[c], 2e-5 * std::sqrt(static_cast<double>(rows)) * 4) << c;
    }
  }

  std::int64_t rows;
  std::int32_t channels;
  std::vector<float> x;
  std::vector<Element> y;
  std::vector<float> weight;
  std::vector<Element> grad_normal;
  std::vector<float> grad_sum;
};

template <class Element>
class ResidualNormOf : public testing::Test {};
using Elements = testing::Types<float, Bf16, F16>;
TYPED_TEST_SUITE(ResidualNormOf, Elements);

TYPED_TEST(ResidualNormOf, every_width_is_exact) {
  for (const std::int32_t channels : {4, 8, 60, 128, 132, 256, 260, 512, 768, 772, 1024}) {
    SCOPED_TRACE(channels);
    Case<TypeParam>(5, channels, 0).expect_exact(true, true);
  }
}

TYPED_TEST(ResidualNormOf, every_number_of_rows_is_exact) {
  for (const std::int64_t rows : {0, 1, 63, 64, 65, 130}) {
    SCOPED_TRACE(rows);
    Case<TypeParam>(rows, 36, 0).expect_exact(rows % 2 == 0, rows != 64);
  }
}

TEST(ResidualNormNumbers, far_from_zero_keep_their_variance) { Case<float>(3, 256, 100).expect_exact(false, false); }

TEST(ResidualNormRefusals, widths_that_no_kernel_has) {
  for (const std::int32_t channels : {0, -4, 2, 30, 1028}) {
    ResidualNormParams forward;
    forward.channels = channels;
    EXPECT_NE(attnlab_cuda_residual_norm(&forward, kAttnlabFloat32, nullptr), 0) << channels;
    ResidualNormBackwardParams backward;
    backward.channels = channels;
    EXPECT_NE(attnlab_cuda_residual_norm_backward(&backward, kAttnlabFloat32, nullptr), 0) << channels;
  }
}

}  // namespace
}  // namespace attnlab::cuda::test
