/// query_sums.cuh: grad_query from the key pass, for backward_key.cuh with Atomic. dS [keys,
/// queries]
///   meets in shared memory; then every warp multiplies a part of its transpose with the keys.
#pragma once

#include "framework/cuda/not_finite.cuh"

namespace attnlab::cuda {

inline constexpr int kSlopeQueries = 32;
template <int RowTiles>
using Slopes = float[RowTiles][kSlopeQueries / 8][4];

/// This warp's rows of dS, from row `first` on, to the others; null: zeros.
template <class T, int RowTiles, class Tile>
GPU_FUNCTION void share_slopes(const Slopes<RowTiles>* slopes, int first, const Tile& to) {
  GPU_UNROLL
  for (int e = 0; e < RowTiles * (kSlopeQueries / 8) * 2; ++e) {
    const int r = e / (kSlopeQueries / 4), n = e / 2 % (kSlopeQueries / 8), half = e % 2;
    const std::uint32_t word =
        slopes == nullptr ? 0
                          : gpu::pack<T>((*slopes)[r][n][2 * half], (*slopes)[r][n][2 * half + 1]);
    const int row = first + 16 * r + 8 * half + gpu::lane() / 4;
    gpu::shared_store(to.at(row, n) + static_cast<std::uint32_t>(gpu::lane() % 4) * 4, word);
  }
}

/// Sum over keys of dS[key, query] * key[d], pair by pair: what is not finite does not pass a dS of
/// 0.
template <class T, class SlopeTile, class KeyTile>
GPU_FUNCTION float slope_times_keys(const SlopeTile& slopes, const KeyTile& keys, int query,
                                    int d) {
  const auto element = [](const auto& tile, int row, int column) {
    const std::uint32_t at = tile.at(row, column / 8) + static_cast<std::uint32_t>(column % 8) * 2;
    return gpu::to_float(T{gpu::shared_load<std::uint16_t>(at)});
  };
  float sum = 0;
  GPU_NO_UNROLL
  for (int key = 0; key < KeyTile::kRows; ++key) {
    const float slope = element(slopes, key, query);
    if (slope != 0) sum = gpu::multiply_add(slope, element(keys, key, d), sum);
  }
  return sum;
}

/// sums[row_of(q)] += scale * sum over keys of dS[key, q] * key; sums: [T, head_dim]. A warp has 16
/// of the 32 queries and a part of the columns.
template <class T, int D, int Warps, class SlopeTile, class KeyTile, class RowOf>
GPU_FUNCTION void add_slopes_times_keys(const SlopeTile& slopes, const KeyTile& keys,
                                        const RowOf& row_of, const BackwardParams& p,
                                        std::int64_t group) {
  static_assert(Warps % 2 == 0 && D % (16 * (Warps / 2)) == 0);
  constexpr int kColumns = D / (Warps / 2);
  const int query = gpu::warp() % 2 * 16, column = gpu::warp() / 2 * kColumns;
  float products[1][kColumns / 8][4];
  clear(products[0]);
  GPU_UNROLL
  for (int k = 0; k < KeyTile::kRows; k += 16) {
    std::uint32_t left[1][4], right[4];
    slopes.left_transposed(k, query, left[0]);
    GPU_UNROLL
    for (int n = 0; n < kColumns / 16; ++n) {
      keys.right_transposed(k, column + 16 * n, right);
      gpu::multiply<T>(products[0][2 * n], left[0], right[0], right[1]);
      gpu::multiply<T>(products[0][2 * n + 1], left[0], right[2], right[3]);
    }
  }
  const auto query_of = [&](int e) { return query + e % 4 / 2 * 8 + gpu::lane() / 4; };
  const auto column_of = [&](int e) { return column + e / 4 * 8 + gpu::lane() % 4 * 2 + e % 2; };
  const auto add = [&](int e, float product) {
    const std::int32_t row = row_of(query_of(e));
    if (row == kNoRow || column_of(e) >= p.head_dim) return;
    const std::int64_t place = group * p.plan.length + row;
    gpu::atomic_add(p.grad_query_sums + place * p.head_dim + column_of(e), product * p.scale);
  };
  if (!all_finite(products)) {
    GPU_NO_UNROLL
    for (int e = 0; e < kColumns / 2; ++e) {
      add(e, slope_times_keys<T>(slopes, keys, query_of(e), column_of(e)));
    }
    return;
  }
  GPU_UNROLL
  for (int e = 0; e < kColumns / 2; ++e) add(e, products[0][e / 4][e % 4]);
}

}  // namespace attnlab::cuda
