/// tile.cuh: blocks of gathered rows in shared memory, and how fragments come out of them.
///   16-bit elements. The 16-byte pieces of a row are turned by a function of the row (XOR), so
///   that neither the copies nor ldmatrix meet in a bank.
#pragma once

#include "framework/cuda/attention_params.h"
#include "framework/cuda/gpu.h"
#include "framework/cuda/pattern.cuh"

namespace attnlab::cuda {

inline constexpr float kLog2E = 1.44269504088896341F;
inline constexpr float kInfinity = __builtin_huge_valf();

/// Numbers of rows or anything else of 4 bytes, one per row of a tile.
template <class T, int Count>
struct SharedList {
  std::uint32_t base;
  static constexpr std::uint32_t kBytes = Count * 4;
  GPU_FUNCTION std::uint32_t at(int i) const {
    GPU_CHECK(i >= 0 && i < Count, "an index past the list");
    return base + static_cast<std::uint32_t>(i) * 4;
  }
  GPU_FUNCTION T get(int i) const { return gpu::shared_load<T>(at(i)); }
  GPU_FUNCTION void set(int i, T value) const { gpu::shared_store(at(i), value); }
};

template <int D, int Count>
struct SharedTile {
  static constexpr int kPieces = D / 8;
  static constexpr int kRows = Count;
  static constexpr bool kTurned = D > 96;
  static constexpr std::uint32_t kStride = D * 2 + (kTurned ? 0 : 16);
  static constexpr std::uint32_t kBytes = Count * kStride;
  std::uint32_t base;

  GPU_FUNCTION std::uint32_t at(int row, int piece) const {
    GPU_CHECK(row >= 0 && row < Count && piece >= 0 && piece < kPieces, "an index past the tile");
    const int place = kTurned ? piece ^ (row & 7) : piece;
    return base + static_cast<std::uint32_t>(row) * kStride +
           static_cast<std::uint32_t>(place) * 16;
  }
  /// Left operand: rows [row, row + 16), depth [16 step, 16 step + 16).
  GPU_FUNCTION void left(int row, int step, std::uint32_t (&to)[4]) const {
    gpu::load_matrices(to, at(row + gpu::lane() % 16, 2 * step + gpu::lane() / 16));
  }
  /// Left operand whose depth is this tile's rows [row, row + 16): rows [column, column + 16).
  GPU_FUNCTION void left_transposed(int row, int column, std::uint32_t (&to)[4]) const {
    const int lane = gpu::lane();
    gpu::load_matrices_transposed(to,
                                  at(row + lane % 8 + lane / 16 * 8, column / 8 + lane / 8 % 2));
  }
  /// Right operand whose columns are this tile's rows [row, row + 16): two of 8 columns.
  GPU_FUNCTION void right(int row, int step, std::uint32_t (&to)[4]) const {
    const int lane = gpu::lane();
    gpu::load_matrices(to, at(row + lane % 8 + lane / 16 * 8, 2 * step + lane / 8 % 2));
  }
  /// Right operand whose depth is this tile's rows [row, row + 16): columns [column, column + 16).
  GPU_FUNCTION void right_transposed(int row, int column, std::uint32_t (&to)[4]) const {
    gpu::load_matrices_transposed(to, at(row + gpu::lane() % 16, column / 8 + gpu::lane() / 16));
  }
};

/// Two neighbouring numbers of a list.
struct alignas(8) RowPairNumbers {
  std::int32_t one, two;
};

/// Where a group is in a [B, H, T, D] tensor. Groups are counted in 31 bits: each has a block.
struct GroupPlace {
  GPU_FUNCTION GroupPlace(std::int64_t heads, std::int64_t group)
      : batch(static_cast<std::int32_t>(group) / static_cast<std::int32_t>(heads)),
        head(static_cast<std::int32_t>(group) % static_cast<std::int32_t>(heads)) {}
  std::int32_t batch, head;
};
/// One group of a [B, H, T, D] tensor. Strides of a row are below 2^31.
template <class T>
struct GroupRows {
  GPU_FUNCTION GroupRows(const Rows& rows, const GroupPlace& at)
      : base(static_cast<T*>(rows.data) + at.batch * rows.batch + at.head * rows.head),
        stride(static_cast<std::int32_t>(rows.row)) {}
  GPU_FUNCTION T* row(std::int32_t index) const {
    return base + static_cast<std::int64_t>(index) * stride;
  }
  T* base;
  std::int32_t stride;
};

/// Two tensors of which a block gathers the same rows.
template <class T>
struct RowPair {
  GPU_FUNCTION RowPair(const Rows& one, const Rows& two, const GroupPlace& at)
      : one(one, at), two(two, at) {}
  GroupRows<T> one, two;
};

/// do_piece(row, piece) for this worker's share of the pieces of a tile: worker `index` of
/// `Workers`. The number of turns is known to the compiler, and so are the distances between rows.
template <int Workers, int Count, int Pieces, class Function>
GPU_FUNCTION void share_pieces(int index, const Function& do_piece) {
  constexpr unsigned kAll = Count * Pieces;
  GPU_UNROLL
  for (unsigned turn = 0; turn < (kAll + Workers - 1) / Workers; ++turn) {
    const unsigned i = static_cast<unsigned>(index) + turn * Workers;
    if (kAll % Workers != 0 && i >= kAll) return;
    constexpr bool kEven = Workers % Pieces == 0;  // every turn at the same piece
    const unsigned row =
        kEven ? static_cast<unsigned>(index) / Pieces + turn * (Workers / Pieces) : i / Pieces;
    do_piece(static_cast<int>(row),
             static_cast<int>((kEven ? static_cast<unsigned>(index) : i) % Pieces));
  }
}

/// Starts copies of the rows that `numbers` lists; zeros for kNoRow and past `pieces`.
template <int Threads, class T, int D, int Count, class Numbers>
GPU_FUNCTION void gather(const GroupRows<T>& from, const Numbers& numbers, int pieces,
                         const SharedTile<D, Count>& to) {
  share_pieces<Threads, Count, D / 8>(gpu::opaque(gpu::thread()), [&](int row, int piece) {
    const std::int32_t index = numbers.get(row);
    const bool valid = index != kNoRow && piece < pieces;
    gpu::copy_async(to.at(row, piece), from.row(valid ? index : 0) + (valid ? piece * 8 : 0),
                    valid);
  });
}
template <int Threads, class T, int D, int Count, class Numbers>
GPU_FUNCTION void gather(const RowPair<T>& from, const Numbers& numbers, int pieces,
                         const SharedTile<D, Count>& one, const SharedTile<D, Count>& two) {
  share_pieces<Threads, Count, D / 8>(gpu::opaque(gpu::thread()), [&](int row, int piece) {
    const std::int32_t index = numbers.get(row);
    const bool valid = index != kNoRow && piece < pieces;
    const std::int32_t source = valid ? index : 0, column = valid ? piece * 8 : 0;
    gpu::copy_async(one.at(row, piece), from.one.row(source) + column, valid);
    gpu::copy_async(two.at(row, piece), from.two.row(source) + column, valid);
  });
}

/// Writes a warp's 16 rows x D sums as rows of 16-bit elements: through `stage`, so that whole rows
/// leave at once. No other warp may use these 16 rows of the stage.
template <class T, int D, int Count, class Numbers>
GPU_FUNCTION void scatter(float (&sums)[D / 8][4], const float (&factor)[2],
                          const SharedTile<D, Count>& stage, int first, const Numbers& numbers,
                          int pieces, const GroupRows<T>& to) {
  const int lane = gpu::lane();
  GPU_UNROLL
  for (int n = 0; n < D / 8; ++n) {
    GPU_UNROLL
    for (int half = 0; half < 2; ++half) {
      const std::uint32_t word =
          gpu::pack<T>(sums[n][2 * half] * factor[half], sums[n][2 * half + 1] * factor[half]);
      gpu::shared_store(
          stage.at(first + lane / 4 + 8 * half, n) + static_cast<std::uint32_t>(lane % 4) * 4,
          word);
    }
  }
  gpu::sync_warp();
  share_pieces<kWarp, 16, D / 8>(lane, [&](int row, int piece) {
    const std::int32_t index = numbers.get(first + row);
    if (index == kNoRow || piece >= pieces) return;
    gpu::store(reinterpret_cast<Vector16*>(to.row(index) + piece * 8),
               gpu::shared_load<Vector16>(stage.at(first + row, piece)));
  });
}

/// Writes a warp's 16 rows x D sums as float32 rows of head_dim elements. places: of this lane's
/// two halves among those rows, or kNoRow.
template <int N>
GPU_FUNCTION void write_packed(const float (&sums)[N][4], float factor,
                               const std::int32_t (&places)[2], std::int32_t head_dim, float* to) {
  GPU_UNROLL
  for (int half = 0; half < 2; ++half) {
    if (places[half] == kNoRow) continue;
    float* const row = to + std::int64_t{places[half]} * head_dim + gpu::lane() % 4 * 2;
    GPU_UNROLL
    for (int n = 0; n < N; ++n) {
      if (8 * n >= head_dim) break;
      gpu::store(row + 8 * n, sums[n][2 * half] * factor);
      gpu::store(row + 8 * n + 1, sums[n][2 * half + 1] * factor);
    }
  }
}

/// Two tiles of 8 columns of float32 sums as the left operand of the next product.
template <class T>
GPU_FUNCTION void as_left(const float (&a)[4], const float (&b)[4], std::uint32_t (&to)[4]) {
  to[0] = gpu::pack<T>(a[0], a[1]);
  to[1] = gpu::pack<T>(a[2], a[3]);
  to[2] = gpu::pack<T>(b[0], b[1]);
  to[3] = gpu::pack<T>(b[2], b[3]);
}

/// The bits of this thread's elements, of a warp's 16 RowTiles rows x 32 columns: from the words
/// that lane r holds for row r. Element i of column tile n: bit 8 n + i % 2 of word[i / 2].
template <int RowTiles>
struct TileBits {
  GPU_FUNCTION explicit TileBits(std::uint32_t word) {
    GPU_UNROLL
    for (int r = 0; r < 2 * RowTiles; ++r) {
      words[r] = gpu::shuffle(word, 8 * r + gpu::lane() / 4) >> (gpu::lane() % 4 * 2);
    }
  }
  GPU_FUNCTION bool get(int row_tile, int column_tile, int i) const {
    return words[2 * row_tile + i / 2] >> (8 * column_tile + i % 2) & 1;
  }
  std::uint32_t words[2 * RowTiles];
};

/// `value` in place of 32 columns' elements whose bit is not set, from column tile `first` on.
template <int RowTiles, int Columns>
GPU_FUNCTION void mask(const TileBits<RowTiles>& bits, float value,
                       float (&elements)[RowTiles][Columns][4], int first = 0) {
  GPU_UNROLL
  for (int r = 0; r < RowTiles; ++r) {
    GPU_UNROLL
    for (int e = 0; e < 16; ++e) {
      if (!bits.get(r, e / 4, e % 4)) elements[r][first + e / 4][e % 4] = value;
    }
  }
}

template <int N>
GPU_FUNCTION void clear(float (&sums)[N][4]) {
  GPU_UNROLL
  for (int n = 0; n < N; ++n) {
    GPU_UNROLL
    for (int i = 0; i < 4; ++i) sums[n][i] = 0;
  }
}

template <int RowTiles, int N>
GPU_FUNCTION void clear(float (&sums)[RowTiles][N][4]) {
  GPU_UNROLL
  for (int r = 0; r < RowTiles; ++r) clear(sums[r]);
}

/// Left operands of a warp's rows, 16 RowTiles rows of 16 Steps columns: the first `Held` steps in
/// registers, the others fetched from shared memory at every use.
template <class Tile, int RowTiles, int Steps, int Held>
struct OwnRows {
  GPU_FUNCTION void load(const Tile& rows, int row) {
    tile = rows;
    first = row;
    GPU_UNROLL
    for (int i = 0; i < RowTiles * Held; ++i) {
      tile.left(first + 16 * (i % RowTiles), i / RowTiles, words[i]);
    }
  }
  GPU_FUNCTION void left(int r, int step, std::uint32_t (&to)[4]) const {
    if (step >= Held) return tile.left(first + 16 * r, step, to);
    GPU_UNROLL
    for (int i = 0; i < 4; ++i) to[i] = words[step * RowTiles + r][i];
  }
  Tile tile;
  int first;
  std::uint32_t words[RowTiles * Held + 1][4];
};

/// to = a warp's `rows` [16 RowTiles, 16 Steps] times rows [c, c + 8 Columns) of `columns`.
template <class T, int Steps, int RowTiles, int Columns, class LeftRows, class Tile>
GPU_FUNCTION void multiply_rows(const LeftRows& rows, const Tile& columns, int c,
                                float (&to)[RowTiles][Columns][4]) {
  clear(to);
  GPU_UNROLL
  for (int k = 0; k < Steps; ++k) {
    std::uint32_t left[RowTiles][4];
    GPU_UNROLL
    for (int r = 0; r < RowTiles; ++r) rows.left(r, k, left[r]);
    GPU_UNROLL
    for (int n = 0; n < Columns / 2; ++n) {
      std::uint32_t right[4];
      columns.right(c + 16 * n, k, right);
      GPU_UNROLL
      for (int r = 0; r < RowTiles; ++r) {
        gpu::multiply<T>(to[r][2 * n], left[r], right[0], right[1]);
        gpu::multiply<T>(to[r][2 * n + 1], left[r], right[2], right[3]);
      }
    }
  }
}

/// sum += left (16 columns) times rows [row, row + 16) of `right`; of more sums the first.
template <class T, int RowTiles, int Sums, int Columns, class Tile>
GPU_FUNCTION void multiply_columns(const std::uint32_t (&left)[RowTiles][4], const Tile& right,
                                   int row, float (&sum)[Sums][Columns][4]) {
  static_assert(RowTiles <= Sums);
  GPU_UNROLL
  for (int n = 0; n < Columns / 2; ++n) {
    std::uint32_t words[4];
    right.right_transposed(row, 16 * n, words);
    GPU_UNROLL
    for (int r = 0; r < RowTiles; ++r) {
      gpu::multiply<T>(sum[r][2 * n], left[r], words[0], words[1]);
      gpu::multiply<T>(sum[r][2 * n + 1], left[r], words[2], words[3]);
    }
  }
}

}  // namespace attnlab::cuda
