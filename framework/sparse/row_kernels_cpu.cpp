// Compiled once per instruction set, with ATTNLAB_INSTRUCTIONS naming the namespace. Nothing
// outside that namespace may be instantiated here, or the linker could pick the wrong copy.
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include <cstdint>
#include <type_traits>

#include "framework/sparse/kernels.h"

namespace attnlab::sparse::ATTNLAB_INSTRUCTIONS {
namespace {

// Each builds on those before it.
// clang-format off
#include "framework/sparse/tile_math.h"
#include "framework/sparse/tile_pattern.h"
#include "framework/sparse/tile_elements.h"
#include "framework/sparse/tile_pack.h"
// clang-format on

constexpr int kLanes = kWidth<float>;
constexpr int kColumns = kLanes == 16 ? 8 : 4;  // sums and their operands fit the registers
constexpr int kVectors = 2;
constexpr int kRows = kVectors * kLanes;  // hashed side by side, one per lane
static_assert(kHashColumns % kColumns == 0 && kTile % kRows == 0);

using Floats = Lane<float>;
typedef std::int32_t Ints __attribute__((vector_size(kLaneBytes)));

/// Per row: the largest and smallest projection so far, and the first column that has it.
struct Extremes {
  Floats high[kVectors], low[kVectors];
  Ints highest[kVectors], lowest[kVectors];
};

/// kColumns projections of kRows rows at once.
inline void project(const float* packed, const float* columns, std::int64_t D,
                    Floats (&sum)[kColumns][kVectors]) {
#pragma GCC unroll 8
  for (int c = 0; c < kColumns; ++c) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sum[c][v] = Floats{};
  }
  for (std::int64_t d = 0; d < D; ++d, packed += kTile, columns += kHashColumns) {
    const auto first = load(packed), second = load(packed + kLanes);
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) {
      sum[c][0] += first * columns[c];
      sum[c][1] += second * columns[c];
    }
  }
}

inline void see(const Floats (&sum)[kVectors], std::int32_t column, Extremes& seen) {
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) {
    const Ints above = sum[v] > seen.high[v], below = sum[v] < seen.low[v];
    seen.high[v] = above ? sum[v] : seen.high[v];
    seen.highest[v] = above ? column - Ints{} : seen.highest[v];
    seen.low[v] = below ? sum[v] : seen.low[v];
    seen.lowest[v] = below ? column - Ints{} : seen.lowest[v];
  }
}

/// packed: a column of kTile rows for each of D; offsets: one per projection, or null.
void hash_packed(const float* packed, const float* blocks, const float* offsets, std::int64_t D,
                 std::int64_t half, std::int32_t* buckets) {
  Extremes seen;
  for (int v = 0; v < kVectors; ++v) {
    seen.high[v] = Floats{} - __builtin_inff();
    seen.low[v] = Floats{} + __builtin_inff();
    seen.highest[v] = seen.lowest[v] = Ints{};
  }
  for (std::int64_t first = 0; first < half; first += kColumns) {
    const float* columns = blocks + first / kHashColumns * D * kHashColumns + first % kHashColumns;
    Floats sum[kColumns][kVectors];
    project(packed, columns, D, sum);
    const std::int64_t there = half - first;
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) {
      if (c < there && offsets != nullptr) {
        for (int v = 0; v < kVectors; ++v) sum[c][v] -= offsets[first + c];
      }
      if (c < there) see(sum[c], static_cast<std::int32_t>(first + c), seen);
    }
  }
  const auto negative = static_cast<std::int32_t>(half);
  for (int v = 0; v < kVectors; ++v) {
    const Ints found = seen.high[v] >= -seen.low[v] ? seen.highest[v] : negative + seen.lowest[v];
    __builtin_memcpy(buckets + v * kLanes, &found, sizeof(found));
  }
}

/// Rows as columns of kTile, by way of `packed` where their elements have to be widened.
template <class E>
inline void turn_rows(const E* rows, std::int64_t row_stride, std::int64_t count, std::int64_t D,
                      float* packed, float* columns) {
  if constexpr (std::is_same_v<E, float>) {
    if (count == kTile && D % kLanes == 0) {
      for (std::int64_t i = 0; i < kTile; i += kLanes) {
        for (std::int64_t d = 0; d < D; d += kLanes) {
          turn_block(rows + i * row_stride + d, row_stride, columns + d * kTile + i, kLanes);
        }
      }
      return;
    }
  }
  const std::int64_t width = row_units<float>(D);
  Floats poison{};
  for (std::int64_t i = 0; i < count; ++i) {
    pack_row(rows + i * row_stride, D, 1.0F, packed + i * width, poison);
  }
  clear(packed + count * width, (kTile - count) * width);
  turn(packed, kTile, D, columns);
}

template <class E>
void hash_rows(const HashParams& p, std::int64_t group, std::int64_t begin, std::int64_t end,
               float* scratch) {
  const std::int64_t batch = group / p.heads, head = group % p.heads, D = p.head_dim;
  const E* rows = static_cast<const E*>(p.rows) + batch * p.batch_stride + head * p.head_stride;
  const std::int64_t blocks = (p.half + kHashColumns - 1) / kHashColumns;
  float* const columns = scratch + kTile * row_units<float>(D);
  for (std::int64_t t = begin; t < end; t += kTile) {
    const std::int64_t count = end - t < kTile ? end - t : kTile;
    turn_rows(rows + t * p.row_stride, p.row_stride, count, D, scratch, columns);
    for (std::int64_t round = 0; round < p.rounds; ++round) {
      const std::int64_t matrix = round * p.heads + head;
      const float* offsets = p.offsets == nullptr ? nullptr : p.offsets + matrix * p.half;
      std::int32_t* to = p.buckets + (round * p.batch * p.heads + group) * p.length + t;
      for (std::int64_t r = 0; r < count; r += kRows) {
        std::int32_t found[kRows];
        hash_packed(columns + r, p.projections + matrix * blocks * D * kHashColumns, offsets, D,
                    p.half, found);
        for (std::int64_t i = r; i < count && i < r + kRows; ++i) to[i] = found[i - r];
      }
    }
  }
}

void hash(const HashParams& p, std::int64_t group, std::int64_t begin, std::int64_t end,
          float* scratch) {
  switch (p.element) {
    case HashElement::float32:
      return hash_rows<float>(p, group, begin, end, scratch);
    case HashElement::bfloat16:
      return hash_rows<Bf16>(p, group, begin, end, scratch);
    case HashElement::float16:
      return hash_rows<F16>(p, group, begin, end, scratch);
  }
}

constexpr int kBlocks = 16;  // Philox blocks side by side
typedef std::uint64_t Blocks __attribute__((vector_size(kBlocks * 8)));  // 32 bits each, in 64

inline void multiply(std::uint64_t by, const Blocks& word, Blocks& high, Blocks& low) {
  const Blocks product = word * by;
  high = product >> 32;
  low = product & 0xFFFFFFFFU;
}

/// Keeps the rows of kBlocks blocks of four words (framework/core/random.cpp, philox4x32).
inline void keep_blocks(const KeepParams& p, std::uint64_t first, bool* kept) {
  Blocks word[4], high[2], low[2];
  for (int b = 0; b < kBlocks; ++b) {
    word[0][b] = (first + b) & 0xFFFFFFFFU;
    word[1][b] = (first + b) >> 32;
  }
  word[2] = Blocks{} + p.high[0];
  word[3] = Blocks{} + p.high[1];
  std::uint32_t key0 = p.key[0], key1 = p.key[1];
  for (int round = 0; round < 10; ++round) {
    multiply(0xD2511F53U, word[0], high[0], low[0]);
    multiply(0xCD9E8D57U, word[2], high[1], low[1]);
    word[0] = high[1] ^ word[1] ^ key0;
    word[1] = low[1];
    word[2] = high[0] ^ word[3] ^ key1;
    word[3] = low[0];
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  for (int b = 0; b < kBlocks; ++b) {
    for (int i = 0; i < 4; ++i) kept[4 * b + i] = word[i][b] >= p.threshold;
  }
}

void keep(const KeepParams& p, std::int64_t begin, std::int64_t end, bool* keep) {
  for (std::int64_t t = begin; t < end; t += 4 * kBlocks) {
    bool kept[4 * kBlocks];
    keep_blocks(p, static_cast<std::uint64_t>(t) / 4, kept);
    const std::int64_t count = end - t < 4 * kBlocks ? end - t : 4 * kBlocks;
    __builtin_memcpy(keep + (t - begin), kept, static_cast<std::size_t>(count));
  }
}

}  // namespace

RowKernels row_kernels() { return {hash, keep}; }

}  // namespace attnlab::sparse::ATTNLAB_INSTRUCTIONS
