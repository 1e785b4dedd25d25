/// row_kernels.h: what is done to single rows before they attend: hashing and drop draws. No
/// LibTorch.
///   A call computes one block of one group's rows, each row on its own and in one order of sums,
///   so results are bit-equal for any blocks and any thread count. B batch, H heads, G = B*H
///   groups, T length, D head_dim, R rounds.
#pragma once

#include <array>
#include <cstdint>

namespace attnlab::sparse {

/// Columns of a projection that stand side by side in memory.
inline constexpr std::int64_t kHashColumns = 8;

enum class HashElement { float32, bfloat16, float16 };

/// h(x) = argmax [xP - c; -(xP - c)], the first of equals; a row that compares with nothing (NaN)
/// gets 0.
struct HashParams {
  const void* rows = nullptr;                  // element d of row t of (b, h) is at
  HashElement element = HashElement::float32;  // b*batch_stride + h*head_stride + t*row_stride + d
  std::int64_t batch_stride = 0;
  std::int64_t head_stride = 0;
  std::int64_t row_stride = 0;
  std::int64_t batch = 1;              // B
  std::int64_t heads = 1;              // H
  std::int64_t length = 0;             // T
  std::int64_t head_dim = 0;           // D
  std::int64_t rounds = 1;             // R
  std::int64_t half = 0;               // columns of a projection: half as many as buckets
  const float* projections = nullptr;  // [R, H, ceil(half / kHashColumns), D, kHashColumns], padded
  const float* offsets = nullptr;      // c: [R, H, half], or null for zeros
  std::int32_t* buckets = nullptr;     // [R, B, H, T], values 0 to 2*half - 1
};
/// Elements of scratch that a hash call needs: 64 rows as they come, and turned.
[[nodiscard]] constexpr std::int64_t hash_scratch(std::int64_t head_dim) {
  return 64 * (2 * head_dim + 16);
}

/// Word t of a Philox4x32-10 stream, kept where it is at least `threshold`.
struct KeepParams {
  std::array<std::uint32_t, 2> key{};
  std::array<std::uint32_t, 2> high{};  // of the counter; the low half is t / 4
  std::uint64_t threshold = 0;          // 0 keeps all, 2^32 none
};

/// The kernels for one instruction set.
struct RowKernels {
  /// Rows [begin, end) of one group, in every round.
  void (*hash)(const HashParams&, std::int64_t group, std::int64_t begin, std::int64_t end,
               float* scratch);
  /// keep[t - begin] for rows [begin, end); begin is a multiple of 4.
  void (*keep)(const KeepParams&, std::int64_t begin, std::int64_t end, bool* keep);
};

}  // namespace attnlab::sparse
