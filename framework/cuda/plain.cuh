/// plain.cuh: segment attention in float32 on the ordinary cores: simple before fast.
///   A block of 16 x 16 threads owns 64 rows and walks over 64 rows of the other side at a time; a
///   thread holds 4 x 4 scores, rows ty + 16 i and columns tx + 16 j. Weights pass through shared
///   memory. As on the CPU, the backward pass uses the largest score and the sum of a row, not
///   their logarithm, which would lose digits to large scores.
#pragma once

#include "framework/cuda/tile.cuh"

namespace attnlab::cuda {

inline constexpr int kPlainThreads = 256;
inline constexpr int kPlainRows = 64;

/// 64 rows of Width floats, each a multiple of 16 bytes and turned by 4 banks.
template <int Width>
struct PlainTile {
  static constexpr std::uint32_t kStride = (Width + 4) * 4;
  static constexpr std::uint32_t kBytes = kPlainRows * kStride;
  std::uint32_t base;
  GPU_FUNCTION std::uint32_t at(int row, int column) const {
    GPU_CHECK(row >= 0 && row < kPlainRows && column >= 0 && column < Width,
              "an index past the tile");
    return base + static_cast<std::uint32_t>(row) * kStride +
           static_cast<std::uint32_t>(column) * 4;
  }
  GPU_FUNCTION float get(int row, int column) const {
    return gpu::shared_load<float>(at(row, column));
  }
  GPU_FUNCTION void set(int row, int column, float x) const {
    gpu::shared_store(at(row, column), x);
  }
  struct Four {
    float x[4];
  };
  GPU_FUNCTION Four four(int row, int column) const {
    const auto words = gpu::shared_load<Vector16>(at(row, column));
    Four four;
    GPU_UNROLL
    for (int i = 0; i < 4; ++i) four.x[i] = gpu::as_float(words.word[i]);
    return four;
  }
};

using PlainList = SharedList<std::int32_t, kPlainRows>;
using PlainNumbers = SharedList<float, kPlainRows>;
using PlainWeights = PlainTile<kPlainRows>;

/// What the float32 kernels of one head dim share.
template <int D>
struct Plain {
  using Tile = PlainTile<D>;
  using Sums = float[4][D / 16];  // rows ty + 16 i, columns tx + 16 k
  static GPU_FUNCTION int tx() { return gpu::thread() % 16; }
  static GPU_FUNCTION int ty() { return gpu::thread() / 16; }

  /// Packed rows [begin, end), at most 64 of them.
  static GPU_FUNCTION void list(const std::int32_t* rows, std::int32_t begin, std::int32_t end,
                                const PlainList& to) {
    if (gpu::thread() >= kPlainRows) return;
    const std::int32_t at = begin + gpu::thread();
    to.set(gpu::thread(), at < end ? gpu::load(rows + at) : kNoRow);
  }
  static GPU_FUNCTION void gather(const GroupRows<float>& from, const PlainList& rows, int head_dim,
                                  const Tile& to) {
    GPU_NO_UNROLL
    for (int i = gpu::thread(); i < kPlainRows * (D / 4); i += kPlainThreads) {
      const int row = i / (D / 4), column = i % (D / 4) * 4;
      const std::int32_t index = rows.get(row);
      const bool valid = index != kNoRow && column < head_dim;
      const auto* source = reinterpret_cast<const Vector16*>(from.row(valid ? index : 0) + column);
      gpu::shared_store(to.at(row, column), valid ? gpu::load(source) : Vector16{});
    }
  }
  /// to[i][j] = row (ty + 16 i) of a times row (tx + 16 j) of b.
  static GPU_FUNCTION void multiply_rows(const Tile& a, const Tile& b, float (&to)[4][4]) {
    clear(to);
    GPU_NO_UNROLL
    for (int d = 0; d < D; d += 4) {
      typename Tile::Four left[4], right[4];
      GPU_UNROLL
      for (int i = 0; i < 4; ++i) left[i] = a.four(ty() + 16 * i, d);
      GPU_UNROLL
      for (int j = 0; j < 4; ++j) right[j] = b.four(tx() + 16 * j, d);
      GPU_UNROLL
      for (int e = 0; e < 64; ++e) {
        float& sum = to[e / 16][e / 4 % 4];
        sum = gpu::multiply_add(left[e / 16].x[e % 4], right[e / 4 % 4].x[e % 4], sum);
      }
    }
  }
  static GPU_FUNCTION void share(const float (&weights)[4][4], const PlainWeights& to) {
    GPU_UNROLL
    for (int e = 0; e < 16; ++e)
      to.set(ty() + 16 * (e / 4), tx() + 16 * (e % 4), weights[e / 4][e % 4]);
  }
  /// sums += weights [64, 64] times rows [64, D].
  static GPU_FUNCTION void add_rows(const PlainWeights& weights, const Tile& rows, Sums& sums) {
    GPU_NO_UNROLL
    for (int c = 0; c < kPlainRows; c += 4) {
      PlainWeights::Four left[4];
      GPU_UNROLL
      for (int i = 0; i < 4; ++i) left[i] = weights.four(ty() + 16 * i, c);
      GPU_UNROLL
      for (int n = 0; n < 4; ++n) {
        GPU_UNROLL
        for (int k = 0; k < D / 16; ++k) {
          const float x = rows.get(c + n, tx() + 16 * k);
          GPU_UNROLL
          for (int i = 0; i < 4; ++i) sums[i][k] = gpu::multiply_add(left[i].x[n], x, sums[i][k]);
        }
      }
    }
  }
  static GPU_FUNCTION void clear_sums(Sums& sums) {
    GPU_UNROLL
    for (int e = 0; e < 4 * (D / 16); ++e) sums[e / (D / 16)][e % (D / 16)] = 0;
  }
  /// Row i of this thread to row `index` of `to`.
  static GPU_FUNCTION void write(const Sums& sums, int i, float factor, float* to, int head_dim) {
    GPU_UNROLL
    for (int k = 0; k < D / 16; ++k) {
      if (tx() + 16 * k < head_dim) gpu::store(to + tx() + 16 * k, sums[i][k] * factor);
    }
  }

  /// -inf where a pair does not attend. `bits` holds a word for every row and 32 columns.
  template <bool KeyRows>
  static GPU_FUNCTION void mask(const Rule& rule, const GroupMarks& marks, const PlainList& rows,
                                int valid_rows, const PlainList& columns,
                                const SharedList<std::uint32_t, 2 * kPlainRows>& bits,
                                float (&scores)[4][4]) {
    if (gpu::thread() < 2 * kPlainRows) {  // whole warps
      const int row = gpu::thread() % kPlainRows, half = gpu::thread() / kPlainRows;
      const std::int32_t own = row < valid_rows ? rows.get(row) : kNoRow;
      bits.set(gpu::thread(), visible<KeyRows>(rule, marks, own, columns.at(32 * half)));
    }
    gpu::sync_threads();
    GPU_UNROLL
    for (int i = 0; i < 4; ++i) {
      GPU_UNROLL
      for (int j = 0; j < 4; ++j) {
        const std::uint32_t word = bits.get(ty() + 16 * i + j / 2 * kPlainRows);
        if ((word >> (tx() + j % 2 * 16) & 1) == 0) scores[i][j] = -kInfinity;
      }
    }
  }
};

}  // namespace attnlab::cuda
