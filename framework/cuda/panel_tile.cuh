/// panel_tile.cuh: blocks of gathered rows in shared memory as wgmma reads them: panels of 64
/// columns,
///   rows of 128 bytes, pieces of 16 bytes turned by XOR with the row (Swizzle::bytes_128).
#pragma once

#include "framework/cuda/gpu_sm90.h"
#include "framework/cuda/tile.cuh"

namespace attnlab::cuda {

/// `Count` rows, a multiple of 8, of D columns, a multiple of 64. `base` is a multiple of 1024.
template <int D, int Count>
struct PanelTile {
  static constexpr int kPieces = D / 8;
  static constexpr int kRows = Count;
  static constexpr std::uint32_t kPanel = Count * 128;
  static constexpr std::uint32_t kBytes = D / 64 * kPanel;
  static constexpr std::uint32_t kEights = 8 * 128;  // bytes from 8 rows to the next
  std::uint32_t base;

  GPU_FUNCTION std::uint32_t at(int row, int piece) const {
    GPU_CHECK(row >= 0 && row < Count && piece >= 0 && piece < kPieces, "an index past the tile");
    const auto r = static_cast<std::uint32_t>(row), p = static_cast<std::uint32_t>(piece);
    return base + p / 8 * kPanel + r * 128 + (p ^ r) % 8 * 16;
  }
  /// Left operand of a warp: rows [row, row + 16), depth [16 step, 16 step + 16).
  GPU_FUNCTION void left(int row, int step, std::uint32_t (&to)[4]) const {
    const int lane = gpu::opaque(gpu::lane());  // an address is not kept for the next use
    gpu::load_matrices(to, at(row + lane % 16, 2 * step + lane / 16));
  }
  /// Operand of wgmma whose rows or columns are this tile's from `row` on: depth [16 step, 16 step
  /// + 16).
  GPU_FUNCTION std::uint64_t rows_from(int row, int step) const {
    const auto r = static_cast<std::uint32_t>(row), k = static_cast<std::uint32_t>(step);
    const auto start = gpu::descriptor(base + r * 128, 0, kEights, Swizzle::bytes_128);
    return gpu::moved(start, k / 4 * kPanel + k % 4 * 32);
  }
  /// Right operand, Turned, whose depth is this tile's rows [row, row + 16): all columns.
  GPU_FUNCTION std::uint64_t depth_from(int row) const {
    return gpu::moved(gpu::descriptor(base, kPanel, kEights, Swizzle::bytes_128),
                      static_cast<std::uint32_t>(row) * 128);
  }
};

/// to = a warpgroup's rows [64, D], held as left operands, times 8 N rows of `columns` from `first`
/// on. Between products_fence and products_commit.
template <class T, int N, int Steps, class Tile>
GPU_FUNCTION void multiply_rows_of(const std::uint32_t (&rows)[Steps][4], const Tile& columns,
                                   int first, float (&to)[N][4]) {
  gpu::multiply_group<T, false>(to, rows[0], columns.rows_from(first, 0));
  GPU_UNROLL
  for (int k = 1; k < Steps; ++k) {
    gpu::multiply_group_add<T, false>(to, rows[k], columns.rows_from(first, k));
  }
}
/// The same where the rows are those of a tile, from `row` on.
template <class T, int N, class Left, class Tile>
GPU_FUNCTION void multiply_tiles(const Left& rows, int row, const Tile& columns,
                                 float (&to)[N][4]) {
  gpu::multiply_group<T, false>(to, rows.rows_from(row, 0), columns.rows_from(0, 0));
  GPU_UNROLL
  for (int k = 1; k < Left::kPieces / 2; ++k) {
    gpu::multiply_group_add<T, false>(to, rows.rows_from(row, k), columns.rows_from(0, k));
  }
}
/// The same where registers hold what the tile's first 16 Held columns of depth make.
template <class T, int N, int Held, class Left, class Tile>
GPU_FUNCTION void multiply_held(const std::uint32_t (&held)[Held][4], const Left& rows, int row,
                                const Tile& columns, float (&to)[N][4]) {
  multiply_rows_of<T>(held, columns, 0, to);
  GPU_UNROLL
  for (int k = Held; k < Left::kPieces / 2; ++k) {
    gpu::multiply_group_add<T, false>(to, rows.rows_from(row, k), columns.rows_from(0, k));
  }
}
/// sum += left [64, 16 Steps] times rows [0, 16 Steps) of `right`.
template <class T, int N, int Steps, class Tile>
GPU_FUNCTION void multiply_columns_of(const std::uint32_t (&left)[Steps][4], const Tile& right,
                                      float (&sum)[N][4]) {
  GPU_UNROLL
  for (int k = 0; k < Steps; ++k) {
    gpu::multiply_group_add<T, true>(sum, left[k], right.depth_from(16 * k));
  }
}

/// Float32 elements [64, 16 Steps] as left operands of the next product.
template <class T, int N, int Steps>
GPU_FUNCTION void all_as_left(const float (&from)[N][4], std::uint32_t (&to)[Steps][4]) {
  static_assert(N == 2 * Steps);
  GPU_UNROLL
  for (int k = 0; k < Steps; ++k) as_left<T>(from[2 * k], from[2 * k + 1], to[k]);
}

/// Writes a warp's 16 rows x D sums as rows of 16-bit elements. Four lanes hold two columns each of
/// a row's piece; after an exchange each has a whole piece. rows: of this lane's two halves.
template <class T, int D>
GPU_FUNCTION void write_rows(const float (&sums)[D / 8][4], const float (&factor)[2],
                             const std::int32_t (&rows)[2], int pieces, const GroupRows<T>& to) {
  const int t = gpu::lane() % 4;
  GPU_UNROLL
  for (int i = 0; i < D / 16; ++i) {
    const int half = i % 2, first = i / 2 * 4;
    Vector16 piece;
    GPU_UNROLL
    for (int j = 0; j < 4; ++j) {
      piece.word[j] = gpu::pack<T>(sums[first + j][2 * half] * factor[half],
                                   sums[first + j][2 * half + 1] * factor[half]);
    }
    GPU_UNROLL
    for (int bit = 1; bit < 4; bit *= 2) {
      GPU_UNROLL
      for (int j = 0; j < 4; ++j) {
        if ((j & bit) != 0) continue;
        const bool upper = (t & bit) != 0;
        const std::uint32_t sent = upper ? piece.word[j] : piece.word[j | bit];
        const std::uint32_t got = gpu::shuffle_xor(sent, bit);
        (upper ? piece.word[j] : piece.word[j | bit]) = got;
      }
    }
    if (rows[half] == kNoRow || first + t >= pieces) continue;
    gpu::store(reinterpret_cast<Vector16*>(to.row(rows[half]) + (first + t) * 8), piece);
  }
}

/// Scores of pairs that do not attend become -inf. rows: this lane's two, kNoRow among them; list:
/// of Count columns. KeyRows: rows are keys and columns queries.
template <int Count, bool KeyRows, class List>
GPU_FUNCTION void mask_pairs(const Rule& rule, const Plan& plan, std::int32_t group,
                             const List& list, const std::int32_t (&rows)[2],
                             float (&score)[Count / 8][4]) {
  const int lane = gpu::opaque(gpu::lane());  // what is made of it is not kept for the next tile
  if (rule.more) {
    // Lane l and l + 16 stand for row l of the warp's 16.
    const std::int32_t low = gpu::shuffle(rows[0], lane % 8 * 4);
    const std::int32_t high = gpu::shuffle(rows[1], lane % 8 * 4);
    const GroupMarks marks(plan, group);
    std::uint32_t words[Count / 32] = {};
    GPU_NO_UNROLL
    for (int c = 0; c < Count / 32; ++c) {
      const std::uint32_t word =
          visible<KeyRows>(rule, marks, lane % 16 < 8 ? low : high, list.at(32 * c));
      GPU_UNROLL
      for (int j = 0; j < Count / 32; ++j) words[j] = j == c ? word : words[j];
    }
    GPU_UNROLL
    for (int e = 0; e < Count / 2; ++e) {
      const int bit = e / 4 % 4 * 8 + lane % 4 * 2 + e % 2;
      const std::uint32_t word = gpu::shuffle(words[e / 16], 8 * (e % 4 / 2) + lane / 4);
      if ((word >> bit & 1) == 0) score[e / 4][e % 4] = -kInfinity;
    }
    return;
  }
  GPU_UNROLL
  for (int n = 0; n < Count / 8; ++n) {
    const auto pair = gpu::shared_load<RowPairNumbers>(list.at(8 * n + lane % 4 * 2));
    GPU_UNROLL
    for (int i = 0; i < 4; ++i) {
      const std::int32_t column = i % 2 == 0 ? pair.one : pair.two, row = rows[i / 2];
      const bool exist = column != kNoRow && row != kNoRow;
      const bool sees = is_near(rule, KeyRows ? column : row, KeyRows ? row : column);
      if (!exist || !sees) score[n][i] = -kInfinity;
    }
  }
}

}  // namespace attnlab::cuda
