/// not_finite.cuh: NaN and Inf in a row must not reach results of rows that do not see it.
///   The weight of a masked pair is 0, but 0 * NaN is NaN. So a block first works as if everything
///   were finite, which its sums betray if it was not; only then it works a second time, carefully:
///   before a tile is used, what is not finite in it is added to the sums that see it, and becomes
///   0. The main loop pays one branch a tile.
#pragma once

#include <type_traits>

#include "framework/cuda/tile.cuh"

namespace attnlab::cuda {

/// Two 16-bit elements; 0 in place of what is not finite.
template <class T>
GPU_FUNCTION std::uint32_t finite_part(std::uint32_t word) {
  constexpr std::uint32_t kLow = std::is_same_v<T, Bf16> ? 0x7f80 : 0x7c00, kHigh = kLow << 16;
  const std::uint32_t low = (word & kLow) == kLow ? 0 : word & 0xffffU;
  const std::uint32_t high = (word & kHigh) == kHigh ? 0 : word & 0xffff0000U;
  return low | high;
}

/// False where some sum of this thread is NaN or Inf.
template <int RowTiles, int N>
GPU_FUNCTION bool all_finite(const float (&sum)[RowTiles][N][4]) {
  float poison[4] = {};
  GPU_UNROLL
  for (int e = 0; e < RowTiles * N * 4; ++e) {
    poison[e % 4] = gpu::multiply_add(sum[e / 4 / N][e / 4 % N][e % 4], 0.0F, poison[e % 4]);
  }
  return poison[0] + poison[1] + poison[2] + poison[3] == 0;
}

/// Bit i: whether row first + i holds something that is not finite. A whole warp calls.
template <class T, class Tile>
GPU_FUNCTION std::uint32_t spoiled_rows(const Tile& tile, int first) {
  bool spoiled = false;
  const int row = first + gpu::lane();
  GPU_NO_UNROLL
  for (int piece = 0; piece < Tile::kPieces; ++piece) {
    const auto words = gpu::shared_load<Vector16>(tile.at(row, piece));
    GPU_UNROLL
    for (int i = 0; i < 4; ++i) {
      spoiled = spoiled || finite_part<T>(words.word[i]) != words.word[i];
    }
  }
  return gpu::ballot(spoiled);
}

/// What is not finite in the `spoiled` rows among 32 is added to the sums of rows that see it. Lane
/// r holds in `word` what row r of the warp's sees.
template <class T, int RowTiles, int N, class Tile>
GPU_FUNCTION void add_spoiled(const Tile& tile, int first, std::uint32_t spoiled,
                              std::uint32_t word, float (&sum)[RowTiles][N][4]) {
  const int lane = gpu::lane();
  GPU_NO_UNROLL
  for (; spoiled != 0; spoiled &= spoiled - 1) {
    const int row = gpu::first_bit(spoiled);
    bool sees[2 * RowTiles];
    GPU_UNROLL
    for (int r = 0; r < 2 * RowTiles; ++r) {
      sees[r] = gpu::shuffle(word, 8 * r + lane / 4) >> row & 1;
    }
    GPU_UNROLL
    for (int n = 0; n < N; ++n) {
      const auto both = gpu::shared_load<std::uint32_t>(tile.at(first + row, n) +
                                                        static_cast<std::uint32_t>(lane % 4) * 4);
      const std::uint32_t bad = both ^ finite_part<T>(both);
      const float low = gpu::to_float(T{static_cast<std::uint16_t>(bad)});
      const float high = gpu::to_float(T{static_cast<std::uint16_t>(bad >> 16)});
      GPU_UNROLL
      for (int r = 0; r < 2 * RowTiles; ++r) {
        if (!sees[r]) continue;
        sum[r / 2][n][r % 2 * 2] += low;
        sum[r / 2][n][r % 2 * 2 + 1] += high;
      }
    }
  }
}

/// NaN to all sums of the rows whose lane holds a `word` other than 0.
template <int RowTiles, int N>
GPU_FUNCTION void spoil_rows(std::uint32_t word, float (&sum)[RowTiles][N][4]) {
  GPU_UNROLL
  for (int r = 0; r < 2 * RowTiles; ++r) {
    if (gpu::shuffle(word, 8 * r + gpu::lane() / 4) == 0) continue;
    GPU_UNROLL
    for (int n = 0; n < N; ++n) {
      sum[r / 2][n][r % 2 * 2] = sum[r / 2][n][r % 2 * 2 + 1] = gpu::as_float(0x7fc00000);
    }
  }
}

/// What is not finite becomes 0. Between barriers: all threads of the block call.
template <int Threads, class T, class Tile>
GPU_FUNCTION void make_finite(const Tile& tile) {
  GPU_NO_UNROLL
  for (int i = gpu::thread(); i < Tile::kRows * Tile::kPieces; i += Threads) {
    const std::uint32_t at = tile.at(i / Tile::kPieces, i % Tile::kPieces);
    auto words = gpu::shared_load<Vector16>(at);
    GPU_UNROLL
    for (int w = 0; w < 4; ++w) words.word[w] = finite_part<T>(words.word[w]);
    gpu::shared_store(at, words);
  }
}

}  // namespace attnlab::cuda
