// The emulator's wgmma: right in every layout, and kernels that leave out what the hardware needs
// are caught, whatever order warps run in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "framework/cuda/gpu_sm90.h"
#include "tests/cuda/caught.h"

namespace attnlab::cuda {
namespace {

using testing::HasSubstr;

constexpr int kDepth = 16;
float element_of(int row, int k) { return static_cast<float>((row * 5 + k * 3) % 13 - 6); }

/// A matrix [rows, 16] in shared memory, written down from PTX ISA 8.0's canonical layouts.
struct Layout {
  Swizzle swizzle = Swizzle::bytes_128;
  bool turned = false;  // rows contiguous
  std::uint32_t leading = 0, stride = 0;

  [[nodiscard]] std::uint32_t width() const {  // bytes of the swizzle's pattern
    return swizzle == Swizzle::bytes_128  ? 128
           : swizzle == Swizzle::bytes_64 ? 64
           : swizzle == Swizzle::bytes_32 ? 32
                                          : 16;
  }
  [[nodiscard]] std::uint32_t at(int row, int k) const {
    const auto along = static_cast<std::uint32_t>(turned ? row : k) * 2;
    const auto across = static_cast<std::uint32_t>(turned ? k : row);
    const std::uint32_t far = along / width(), eights = across / 8;
    const bool swapped = turned && swizzle == Swizzle::none;
    const std::uint32_t plain = along % width() + across % 8 * width() +
                                far * (swapped ? stride : leading) +
                                eights * (swapped ? leading : stride);
    return plain ^ ((plain >> 7) % (width() / 16) * 16);
  }
};
void write_matrix(std::uint32_t base, const Layout& layout, int rows, int shift) {
  const auto element = [&](int row, int k) { return element_of(row + shift, k); };
  for (int i = gpu::thread(); i < rows * kDepth / 2; i += kWarpgroup) {  // two that are neighbours
    if (layout.turned) {
      const int row = i / kDepth * 2, k = i % kDepth;
      gpu::shared_store(base + layout.at(row, k),
                        gpu::pack<F16>(element(row, k), element(row + 1, k)));
    } else {
      const int row = i / (kDepth / 2), k = i % (kDepth / 2) * 2;
      gpu::shared_store(base + layout.at(row, k),
                        gpu::pack<F16>(element(row, k), element(row, k + 1)));
    }
  }
}

template <bool Turned, int N, class Left>
void start_product(float (&sum)[N][4], const Left& left, std::uint64_t right, bool add) {
  add ? gpu::multiply_group_add<F16, Turned>(sum, left, right)
      : gpu::multiply_group<F16, Turned>(sum, left, right);
}

enum class Without { nothing, fence, commit, wait, proxy_fence, barrier };
struct Multiplication {
  Layout left, right;
  bool left_in_registers = false;
  Without without = Without::nothing;
  std::uint32_t leading = ~0U, stride = ~0U;  // of the right descriptor, else as the layout has it
  Swizzle swizzle = Swizzle::bytes_128;
  bool wrong_major = false;
  int columns = 64;  // or 32, or 128
  float sum[64][128] = {};
};

/// sum = left [64, 16] right [16, 8 N], twice: the second time added.
template <int N>
void multiply_by(Multiplication& m) {
  write_matrix(0, m.left, 64, 0);
  write_matrix(8192, m.right, 8 * N, 7);
  if (m.without != Without::proxy_fence) gpu::fence_proxy();
  if (m.without != Without::barrier) gpu::sync_threads();
  float sum[N][4];
  std::uint32_t words[4];
  const int lane = gpu::lane(), row = gpu::warp() * 16 + lane / 4;
  for (int i = 0; i < 4; ++i) {
    const int r = row + i % 2 * 8, k = lane % 4 * 2 + i / 2 * 8;
    words[i] = gpu::pack<F16>(element_of(r, k), element_of(r, k + 1));
  }
  const auto left = gpu::descriptor(0, m.left.leading, m.left.stride, m.left.swizzle);
  const auto right = gpu::descriptor(8192, m.leading == ~0U ? m.right.leading : m.leading,
                                     m.stride == ~0U ? m.right.stride : m.stride, m.swizzle);
  for (int turn = 0; turn < 2; ++turn) {
    if (m.without != Without::fence || turn == 0) gpu::products_fence(sum, words);
    const auto go = [&](const auto& a) {
      m.right.turned != m.wrong_major ? start_product<true>(sum, a, right, turn > 0)
                                      : start_product<false>(sum, a, right, turn > 0);
    };
    m.left_in_registers ? go(words) : go(left);
    if (m.without != Without::commit) gpu::products_commit();
    if (m.without != Without::wait) gpu::products_wait<0>(sum);
  }
  for (int n = 0; n < N; ++n) {
    for (int i = 0; i < 4; ++i) {
      m.sum[row + i / 2 * 8][8 * n + lane % 4 * 2 + i % 2] = sum[n][i];
    }
  }
}
void multiply(Multiplication& m) {
  m.columns == 32 ? multiply_by<4>(m) : m.columns == 64 ? multiply_by<8>(m) : multiply_by<16>(m);
}
constexpr emulator::Grid kGrid{1, 128, 32 * 1024};

std::string caught_in(Multiplication& m) {
  return caught(kGrid, [&] { multiply(m); });
}
int wrong_elements(const Multiplication& m) {
  int wrong = 0;
  for (int row = 0; row < 64; ++row) {
    for (int column = 0; column < m.columns; ++column) {
      float expected = 0;
      for (int k = 0; k < kDepth; ++k) {
        expected += 2 * element_of(row, k) * element_of(column + 7, k);
      }
      wrong += m.sum[row][column] != expected;
    }
  }
  return wrong;
}

/// Patterns one after the other; without a swizzle they are 8 x 16 bytes.
Layout packed(Swizzle swizzle, bool turned) {
  Layout layout{swizzle, turned};
  const std::uint32_t pattern = 8 * layout.width();
  const std::uint32_t across = turned ? kDepth / 8 : 8;  // patterns from one column to the next
  const bool swapped = turned && swizzle == Swizzle::none;
  (swapped ? layout.leading : layout.stride) = pattern;
  (swapped ? layout.stride : layout.leading) = pattern * across;
  return layout;
}
Multiplication sound(Swizzle swizzle = Swizzle::bytes_128, bool turned = false) {
  Multiplication m;
  m.left = packed(swizzle, false);
  m.right = packed(swizzle, turned);
  m.swizzle = swizzle;
  return m;
}

TEST(EmulatedWgmma, multiplies_in_every_layout) {
  for (const auto swizzle :
       {Swizzle::none, Swizzle::bytes_32, Swizzle::bytes_64, Swizzle::bytes_128}) {
    for (const bool turned : {false, true}) {
      for (const bool registers : {false, true}) {
        Multiplication m = sound(swizzle, turned);
        m.left_in_registers = registers;
        EXPECT_EQ(caught_in(m), "");
        EXPECT_EQ(wrong_elements(m), 0)
            << "swizzle " << static_cast<int>(swizzle) << (turned ? ", turned" : "");
      }
    }
  }
}

TEST(EmulatedWgmma, multiplies_32_and_128_columns_too) {
  for (const int columns : {32, 128}) {
    for (const bool turned : {false, true}) {
      for (const bool registers : {false, true}) {
        // Rows of one pattern of 64 elements, or of two.
        Multiplication m = sound(Swizzle::bytes_128, turned);
        m.columns = columns;
        m.left_in_registers = registers;
        EXPECT_EQ(caught_in(m), "");
        EXPECT_EQ(wrong_elements(m), 0) << columns << " columns" << (turned ? ", turned" : "");
      }
    }
  }
}

TEST(EmulatedWgmma, catches_what_is_left_out) {
  struct Case {
    Without without;
    const char* message;
  };
  for (const auto& [without, message] : {
           Case{Without::fence, "wgmma without a wgmma.fence"},
           Case{Without::commit, "names an array that is still under way"},
           Case{Without::wait, "under way"},
           Case{Without::proxy_fence, "no fence.proxy.async lies between"},
           Case{Without::barrier, "shared byte"},
       }) {
    for (std::uint32_t seed = 0; seed < 4; ++seed) {
      emulator::set_seed(seed);
      Multiplication m = sound();
      m.without = without;
      EXPECT_THAT(caught_in(m), HasSubstr(message));
    }
  }
}

TEST(EmulatedWgmma, goes_wrong_with_a_wrong_descriptor) {
  const auto expect_wrong = [](const char* what, bool turned, const auto& change) {
    Multiplication m = sound(Swizzle::bytes_64, turned);
    change(m);
    EXPECT_TRUE(!caught_in(m).empty() || wrong_elements(m) > 1000) << what;
  };
  expect_wrong("swizzle", false, [](auto& m) { m.swizzle = Swizzle::bytes_128; });
  expect_wrong("swizzle", true, [](auto& m) { m.swizzle = Swizzle::bytes_32; });
  expect_wrong("no swizzle", false, [](auto& m) { m.swizzle = Swizzle::none; });
  expect_wrong("stride", false, [](auto& m) { m.stride = 1024; });
  expect_wrong("stride", true, [](auto& m) { m.stride = 1024; });
  expect_wrong("leading", true, [](auto& m) { m.leading = 512; });
  expect_wrong("majorness", false, [](auto& m) { m.wrong_major = true; });
}

/// Two products, of which only the first is waited for before `then`.
void with_one_under_way(const std::function<void(float (&)[8][4], std::uint32_t (&)[4])>& then,
                        bool fence_again = true) {
  write_matrix(0, packed(Swizzle::bytes_128, false), 64, 0);
  gpu::fence_proxy();
  gpu::sync_threads();
  const auto right = gpu::descriptor(0, 0, 1024, Swizzle::bytes_128);
  float one[8][4], two[8][4];
  std::uint32_t words[4] = {1, 2, 3, 4};
  gpu::products_fence(one, two, words);
  gpu::multiply_group<F16, false>(one, words, right);
  gpu::products_commit();
  gpu::multiply_group<F16, false>(two, words, right);
  gpu::products_commit();
  gpu::products_wait<1>(one);
  then(two, words);
  gpu::products_wait<0>(two, words);
  if (fence_again) gpu::products_fence(two, words);
  words[2] = two[0][0] > 1 ? 7 : 8;  // after the fence: too late
  gpu::multiply_group_add<F16, false>(two, words, right);
  gpu::products_commit();
  gpu::products_wait<0>(two);
}

TEST(EmulatedWgmma, catches_registers_that_are_used_too_early) {
  EXPECT_THAT(caught(kGrid, [] { with_one_under_way([](auto&, auto& words) { words[1] = 9; }); }),
              HasSubstr("a left operand of wgmma was written before the wait"));
  EXPECT_THAT(caught(kGrid, [] { with_one_under_way([](auto& sum, auto&) { sum[3][1] = 2; }); }),
              HasSubstr("sums of wgmma were written before the wait"));
  EXPECT_THAT(caught(kGrid, [] { with_one_under_way([](auto&, auto&) {}); }),
              HasSubstr("registers that were written after the last wgmma.fence"));
  float read = 0;
  (void)caught(kGrid, [&] { with_one_under_way([&](auto& sum, auto&) { read = sum[0][0]; }); });
  EXPECT_TRUE(std::isnan(read)) << "sums are no numbers before the wait";
}

}  // namespace
}  // namespace attnlab::cuda
