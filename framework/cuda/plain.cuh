/// plain.cuh: segment attention in float32 on the ordinary cores: simple before fast.
///   A block of 16 x 16 threads owns some rows and walks over those of the other side, some at a
///   time; a thread holds a grid of scores, rows ty + 16 i and columns tx + 16 j. Weights pass
///   through shared memory. As on the CPU, the backward pass uses the largest score and the sum of
///   a row, not their logarithm, which would lose digits to large scores. A sum over rows is made
///   of 16 at a time, and these are added with compensation, so that its error does not grow with T
///   (tests/cuda/sums_test.cpp). NaN and Inf are kept out as not_finite.cuh says; with care, a
///   weight of 0 is not multiplied at all.
#pragma once

#include <type_traits>

#include "framework/cuda/attention_launch.h"
#include "framework/cuda/tile.cuh"

namespace attnlab::cuda {

inline constexpr int kPlainThreads = 256;
inline constexpr int kPlainPart = 16;  // rows whose sum is made in one order; see CompensatedSum

/// A sum that keeps what each addition loses (Neumaier 1974, with Knuth's exact difference).
struct CompensatedSum {
  float sum = 0, lost = 0;
  GPU_FUNCTION void add(float x) {
    const float next = sum + x, taken = next - sum;
    lost += (sum - (next - taken)) + (x - taken);
    sum = next;
  }
  GPU_FUNCTION void scale(float factor) {
    sum *= factor;
    lost *= factor;
  }
  /// What is not finite has lost everything.
  [[nodiscard]] GPU_FUNCTION float value() const { return lost == lost ? sum + lost : sum; }
};

struct Four {
  float x[4];
};
/// Rows of Width floats, each a multiple of 16 bytes and turned by 4 banks.
template <int Rows, int Width>
struct PlainTile {
  static constexpr int kRows = Rows;
  static constexpr std::uint32_t kStride = (Width + 4) * 4;
  static constexpr std::uint32_t kBytes = Rows * kStride;
  std::uint32_t base;
  GPU_FUNCTION std::uint32_t at(int row, int column) const {
    GPU_CHECK(row >= 0 && row < Rows && column >= 0 && column < Width, "an index past the tile");
    return base + static_cast<std::uint32_t>(row) * kStride +
           static_cast<std::uint32_t>(column) * 4;
  }
  GPU_FUNCTION float get(int row, int column) const {
    return gpu::shared_load<float>(at(row, column));
  }
  GPU_FUNCTION void set(int row, int column, float x) const {
    gpu::shared_store(at(row, column), x);
  }
  GPU_FUNCTION Four four(int row, int column) const {
    const auto words = gpu::shared_load<Vector16>(at(row, column));
    Four four;
    GPU_UNROLL
    for (int i = 0; i < 4; ++i) four.x[i] = gpu::as_float(words.word[i]);
    return four;
  }
};

/// What the float32 kernels of one head dim share.
template <int D>
struct Plain {
  static constexpr int kOwn = query_tile_rows(kAttnlabFloat32, D);
  static constexpr int kOther = D <= 64 ? 64 : 32;  // at a time; more does not fit shared memory
  static_assert(kOwn == key_tile_rows(kAttnlabFloat32, D));
  static constexpr int kRows = kOwn / 16, kColumns = kOther / 16, kDepth = D / 16;
  using OwnTile = PlainTile<kOwn, D>;
  using OtherTile = PlainTile<kOther, D>;
  using Weights = PlainTile<kOwn, kOther>;
  using OwnList = SharedList<std::int32_t, kOwn>;
  using OtherList = SharedList<std::int32_t, kOther>;
  using Bits = SharedList<std::uint32_t, kOwn * kOther / 32>;
  using Scores = float[kRows][kColumns];  // rows ty + 16 i, columns tx + 16 j
  using Part = float[kRows][kDepth];      // of a sum: rows ty + 16 i, columns tx + 16 k
  using Sums = CompensatedSum[kRows][kDepth];
  static GPU_FUNCTION int tx() { return gpu::thread() % 16; }
  static GPU_FUNCTION int ty() { return gpu::thread() / 16; }

  /// Packed rows [begin, end), as many as fit.
  template <int Count>
  static GPU_FUNCTION void list(const std::int32_t* rows, std::int32_t begin, std::int32_t end,
                                const SharedList<std::int32_t, Count>& to) {
    if (gpu::thread() >= Count) return;
    const std::int32_t at = begin + gpu::thread();
    to.set(gpu::thread(), at < end ? gpu::load(rows + at) : kNoRow);
  }
  template <int Count>
  static GPU_FUNCTION void gather(const GroupRows<float>& from,
                                  const SharedList<std::int32_t, Count>& rows, int head_dim,
                                  const PlainTile<Count, D>& to) {
    GPU_NO_UNROLL
    for (int i = gpu::thread(); i < Count * (D / 4); i += kPlainThreads) {
      const int row = i / (D / 4), column = i % (D / 4) * 4;
      const std::int32_t index = rows.get(row);
      const bool valid = index != kNoRow && column < head_dim;
      const auto* source = reinterpret_cast<const Vector16*>(from.row(valid ? index : 0) + column);
      gpu::shared_store(to.at(row, column), valid ? gpu::load(source) : Vector16{});
    }
  }
  /// to[i][j] = row (ty + 16 i) of a times row (tx + 16 j) of b.
  static GPU_FUNCTION void multiply_rows(const OwnTile& a, const OtherTile& b, Scores& to) {
    GPU_UNROLL
    for (int e = 0; e < kRows * kColumns; ++e) to[e / kColumns][e % kColumns] = 0;
    GPU_NO_UNROLL
    for (int d = 0; d < D; d += 4) {
      Four left[kRows], right[kColumns];
      GPU_UNROLL
      for (int i = 0; i < kRows; ++i) left[i] = a.four(ty() + 16 * i, d);
      GPU_UNROLL
      for (int j = 0; j < kColumns; ++j) right[j] = b.four(tx() + 16 * j, d);
      GPU_UNROLL
      for (int e = 0; e < kRows * kColumns * 4; ++e) {
        const int i = e / 4 / kColumns, j = e / 4 % kColumns;
        to[i][j] = gpu::multiply_add(left[i].x[e % 4], right[j].x[e % 4], to[i][j]);
      }
    }
  }
  static GPU_FUNCTION void share(const Scores& weights, const Weights& to) {
    GPU_UNROLL
    for (int e = 0; e < kRows * kColumns; ++e) {
      const int i = e / kColumns, j = e % kColumns;
      to.set(ty() + 16 * i, tx() + 16 * j, weights[i][j]);
    }
  }
  /// sums += weights [own, other] times rows [other, D].
  static GPU_FUNCTION void add_rows(const Weights& weights, const OtherTile& rows, bool careful,
                                    Sums& sums) {
    GPU_NO_UNROLL
    for (int first = 0; first < kOther; first += kPlainPart) {
      Part part = {};
      if (careful) {
        multiply_carefully(weights, rows, first, part);
      } else {
        multiply_all(weights, rows, first, part);
      }
      GPU_UNROLL
      for (int e = 0; e < kRows * kDepth; ++e) {
        sums[e / kDepth][e % kDepth].add(part[e / kDepth][e % kDepth]);
      }
    }
  }
  static GPU_FUNCTION void multiply_all(const Weights& weights, const OtherTile& rows, int first,
                                        Part& part) {
    GPU_NO_UNROLL
    for (int c = first; c < first + kPlainPart; c += 4) {
      Four left[kRows];
      GPU_UNROLL
      for (int i = 0; i < kRows; ++i) left[i] = weights.four(ty() + 16 * i, c);
      GPU_UNROLL
      for (int n = 0; n < 4; ++n) {
        GPU_UNROLL
        for (int k = 0; k < kDepth; ++k) {
          const float x = rows.get(c + n, tx() + 16 * k);
          GPU_UNROLL
          for (int i = 0; i < kRows; ++i) {
            part[i][k] = gpu::multiply_add(left[i].x[n], x, part[i][k]);
          }
        }
      }
    }
  }
  static GPU_FUNCTION void multiply_carefully(const Weights& weights, const OtherTile& rows,
                                              int first, Part& part) {
    GPU_NO_UNROLL
    for (int c = first; c < first + kPlainPart; ++c) {
      GPU_UNROLL
      for (int e = 0; e < kRows * kDepth; ++e) {
        const int i = e / kDepth, k = e % kDepth;
        const float weight = weights.get(ty() + 16 * i, c), x = rows.get(c, tx() + 16 * k);
        if (weight != 0) part[i][k] = gpu::multiply_add(weight, x, part[i][k]);
      }
    }
  }
  static GPU_FUNCTION void clear_sums(Sums& sums) {
    GPU_UNROLL
    for (int e = 0; e < kRows * kDepth; ++e) sums[e / kDepth][e % kDepth] = {};
  }
  static GPU_FUNCTION bool all_finite(const Sums& sums) {
    float poison = 0;
    GPU_UNROLL
    for (int e = 0; e < kRows * kDepth; ++e) {
      poison = gpu::multiply_add(sums[e / kDepth][e % kDepth].sum, 0.0F, poison);
    }
    return poison == 0;
  }
  /// Row i of this thread to row `index` of `to`.
  static GPU_FUNCTION void write(const Sums& sums, int i, float factor, float* to, int head_dim) {
    GPU_UNROLL
    for (int k = 0; k < kDepth; ++k) {
      if (tx() + 16 * k < head_dim) gpu::store(to + tx() + 16 * k, sums[i][k].value() * factor);
    }
  }

  /// -inf where a pair does not attend. `bits` holds a word for every row and 32 columns.
  template <bool KeyRows>
  static GPU_FUNCTION void mask(const Rule& rule, const GroupMarks& marks, const OwnList& rows,
                                int valid_rows, const OtherList& columns, const Bits& bits,
                                Scores& scores) {
    if (gpu::thread() < kOwn * kOther / 32) {  // whole warps
      const int row = gpu::thread() % kOwn, word = gpu::thread() / kOwn;
      const std::int32_t own = row < valid_rows ? rows.get(row) : kNoRow;
      bits.set(gpu::thread(), visible<KeyRows>(rule, marks, own, columns.at(32 * word)));
    }
    gpu::sync_threads();
    GPU_UNROLL
    for (int e = 0; e < kRows * kColumns; ++e) {
      const int i = e / kColumns, j = e % kColumns;
      const std::uint32_t word = bits.get(ty() + 16 * i + j / 2 * kOwn);
      if ((word >> (tx() + j % 2 * 16) & 1) == 0) scores[i][j] = -kInfinity;
    }
  }
};

}  // namespace attnlab::cuda
