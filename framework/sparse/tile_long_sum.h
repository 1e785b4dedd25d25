/// tile_long_sum.h: sums over any number of tiles; for kernels_cpu.cpp only.
///   The error of one float32 sum over equal terms grows with their number: every step rounds the
///   same way. So tiles are added to a block of some of them, and blocks to one another.
// No include guard, no includes: see kernels_cpu.cpp.

/// Tiles in a block where blocks are added in float64, as a thread's own sums are, and
inline constexpr std::int64_t kBlockTiles = 8;
/// where they are added in T, as the sums are that are kept for a whole plan.
inline constexpr std::int64_t kKeptBlockTiles = kManyVisitors - 1;

/// Sums [rows, wide], of which the caller adds to `sum`. Short ones never touch `whole`.
template <class T, class Whole = double>
struct LongSum {
  T* sum;        // of one block of tiles
  Whole* whole;  // of the blocks before it, once there are any
  std::int64_t rows, wide;
  bool folded = false;

  /// Ends a block. factor: by row, what earlier blocks have to be multiplied by; or null.
  void fold(const T* factor = nullptr) {
    for (std::int64_t i = 0; i < rows; ++i) {
      const Whole by = factor == nullptr ? Whole{1} : static_cast<Whole>(factor[i]);
      T* row = sum + i * wide;
      Whole* before = whole + i * wide;
      for (std::int64_t d = 0; d < wide; ++d) {
        before[d] = folded ? before[d] * by + row[d] : row[d];
        row[d] = 0;
      }
    }
    folded = true;
  }

  /// Makes `sum` that of all tiles.
  void finish(const T* factor = nullptr) {
    if (!folded) return;
    fold(factor);
    for (std::int64_t i = 0; i < rows * wide; ++i) sum[i] = static_cast<T>(whole[i]);
  }
};
