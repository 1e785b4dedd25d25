/// backward_key.cuh: grad_value[s] = sum_t p[t,s] grad_out[t], grad_key[s] = scale sum_t dS[t,s]
/// q[t]
///   with p and dS of backward_query.cuh.
///   A block owns one tile of packed keys and walks over the queries of every segment that sees
///   them, in order; scores are held as [keys, queries], so that weights never leave registers.
///   Atomic: dS goes through shared memory to a product with the keys as well, which is added to
///   float32 sums of grad_query in whatever order blocks run. That saves backward_query.cuh's pass,
///   two of seven products, and the bits of grad_query are no longer the same every time.
#pragma once

#include <type_traits>

#include "framework/cuda/query_sums.cuh"
#include "framework/cuda/tile.cuh"

namespace attnlab::cuda {

/// Warps x 16 RowTiles keys per block.
template <class T, int D, int Warps, int RowTiles, bool Atomic = false>
class BackwardKey {
 public:
  using Params = BackwardParams;
  static constexpr int kThreads = Warps * kWarp;
  static constexpr int kBlocks = D <= 64 ? 2 : 1;
  static constexpr int kKeys = Warps * 16 * RowTiles;
  static constexpr int kQueries = 64;

 private:
  static constexpr int kUnit = 32;  // queries in registers at a time: one word of bits
  using KeyTile = SharedTile<D, kKeys>;
  /// Shared memory is what limits this kernel: keys and values stay in registers where they fit.
  using OwnRows =
      std::conditional_t<D * RowTiles <= 64, HeldRows<RowTiles, D / 16>, SharedRows<KeyTile>>;
  using QueryTile = SharedTile<D, kQueries>;
  using KeyList = SharedList<std::int32_t, kKeys>;
  using QueryList = SharedList<std::int32_t, kQueries>;
  using QueryNumbers = SharedList<float, kQueries>;
  static constexpr std::uint32_t kValueAt = KeyTile::kBytes;
  static constexpr std::uint32_t kQueryAt = kValueAt + KeyTile::kBytes;
  static constexpr std::uint32_t kGradAt = kQueryAt + 2 * QueryTile::kBytes;
  static constexpr std::uint32_t kKeyListAt = kGradAt + 2 * QueryTile::kBytes;
  static constexpr std::uint32_t kQueryListAt = kKeyListAt + KeyList::kBytes;
  static constexpr std::uint32_t kLseAt = kQueryListAt + 3 * QueryList::kBytes;
  static constexpr std::uint32_t kShiftAt = kLseAt + 3 * QueryNumbers::kBytes;
  using SlopeTile = SharedTile<kUnit, kKeys>;  // dS [keys, queries]
  static constexpr std::uint32_t kSlopeAt = kShiftAt + 3 * QueryNumbers::kBytes;

 public:
  static constexpr std::uint32_t kSharedBytes = kSlopeAt + (Atomic ? SlopeTile::kBytes : 0);

  static GPU_FUNCTION void run(const Params& p) {
    if (gpu::block() >= gpu::load(p.key_tiles.count)) return;
    const std::int32_t index = gpu::load(p.key_tiles.order + gpu::block());
    BackwardKey(p, gpu::load(p.key_tiles.items + index)).work();
  }

 private:
  /// What the block must know of a query row. A row that sees no key is as good as none.
  struct QueryFacts {
    std::int32_t row = kNoRow;
    float log_sum = kInfinity;  // weights of exp2(-inf) = 0
    float shift = 0;
  };
  struct Pair {
    float one, two;
  };

  GPU_FUNCTION BackwardKey(const Params& params, const TileItem& item)
      : p(params),
        tile(item),
        rule(params.plan),
        group(params.plan, item.group),
        marks(params.plan, item.group),
        pieces(params.head_dim / 8),
        first(gpu::warp() * 16 * RowTiles) {}

  static GPU_FUNCTION QueryTile query_tile(int i) {
    return {kQueryAt + static_cast<std::uint32_t>(i % 2) * QueryTile::kBytes};
  }
  static GPU_FUNCTION QueryTile grad_tile(int i) {
    return {kGradAt + static_cast<std::uint32_t>(i % 2) * QueryTile::kBytes};
  }
  static GPU_FUNCTION QueryList query_list(int i) {
    return {kQueryListAt + static_cast<std::uint32_t>(i % 3) * QueryList::kBytes};
  }
  static GPU_FUNCTION QueryNumbers log_sums(int i) {
    return {kLseAt + static_cast<std::uint32_t>(i % 3) * QueryNumbers::kBytes};
  }
  static GPU_FUNCTION QueryNumbers shifts(int i) {
    return {kShiftAt + static_cast<std::uint32_t>(i % 3) * QueryNumbers::kBytes};
  }

  GPU_FUNCTION QueryFacts look(const Range& range, int i) const {
    const std::int32_t at = range.begin + i * kQueries + gpu::thread();
    QueryFacts facts;
    if (gpu::thread() >= kQueries || at >= range.end) return facts;
    const std::int32_t row = gpu::load(group.query_rows + at);
    const float lse = gpu::load(p.lse + tile.group * p.plan.length + row);
    if (lse == -kInfinity) return facts;
    return {row, lse * kLog2E, gpu::load(p.shift + tile.group * p.plan.length + row)};
  }
  GPU_FUNCTION static void note(int i, const QueryFacts& facts) {
    if (gpu::thread() >= kQueries) return;
    query_list(i).set(gpu::thread(), facts.row);
    log_sums(i).set(gpu::thread(), facts.log_sum);
    shifts(i).set(gpu::thread(), facts.shift);
  }
  template <class Numbers, class Tile>
  GPU_FUNCTION void fetch(const Rows& from, const Numbers& numbers, const Tile& to) const {
    gather<kThreads>(GroupRows<T>(from, p.plan.heads, tile.group), numbers, pieces, to);
  }
  GPU_FUNCTION void fetch_queries(int i) const {
    fetch(p.query, query_list(i), query_tile(i));
    fetch(p.grad_out, query_list(i), grad_tile(i));
  }

  GPU_FUNCTION void work() {
    for (int i = gpu::thread(); i < kKeys; i += kThreads) {
      const std::int32_t at = tile.begin + i;
      keys.set(i, at < tile.end ? gpu::load(group.key_rows + at) : kNoRow);
    }
    gpu::sync_threads();
    fetch(p.key, keys, key_tile);
    fetch(p.value, keys, value_tile);
    gpu::copy_commit();
    positions = extent(keys.at(first), 16 * RowTiles);
    GPU_UNROLL
    for (int r = 0; r < RowTiles; ++r) {
      clear(sum_key[r]);
      clear(sum_value[r]);
    }
    gpu::copy_wait<0>();
    gpu::sync_threads();
    own_keys.load(key_tile, first);
    own_values.load(value_tile, first);
    std::int32_t segment = tile.segment;
    while (segment > 0 && gpu::load(group.key_end + segment - 1) > tile.begin) --segment;
    GPU_NO_UNROLL
    for (; segment <= tile.segment; ++segment) walk(segment);
    finish();
  }

  /// The queries of one segment.
  GPU_FUNCTION void walk(std::int32_t segment) {
    const Range range = query_range(p.plan, group, rule, tile, segment);
    if (range.begin >= range.end) return;
    const std::int32_t end = gpu::load(group.key_end + segment);
    seen = (end < tile.end ? end : tile.end) - tile.begin;
    const int row = first + gpu::lane() % (16 * RowTiles);
    own = row < seen ? keys.get(row) : kNoRow;
    note(0, look(range, 0));
    note(1, look(range, 1));
    gpu::sync_threads();
    fetch_queries(0);
    gpu::copy_commit();
    gpu::copy_wait<0>();
    gpu::sync_threads();
    const int tiles = (range.end - range.begin + kQueries - 1) / kQueries;
    GPU_NO_UNROLL
    for (int i = 0; i < tiles; ++i) {
      const QueryFacts ahead = look(range, i + 2);
      if (i + 1 < tiles) fetch_queries(i + 1);
      gpu::copy_commit();
      add(i);
      note(i + 2, ahead);
      gpu::copy_wait<0>();
      gpu::sync_threads();
    }
  }

  GPU_FUNCTION void add(int i) {
    GPU_NO_UNROLL
    for (int c = 0; c < kQueries; c += kUnit) {
      const bool added = add_seen(i, c);
      if constexpr (Atomic) {
        if (!added) share_slopes<T, RowTiles>(nullptr, first, slope_tile);
        gpu::sync_threads();
        add_to_queries(i, c);
        gpu::sync_threads();
      }
    }
  }
  /// False where none of this warp's keys is seen.
  GPU_FUNCTION bool add_seen(int i, int c) {
    const std::uint32_t others = query_list(i).at(c);
    Coverage covered = coverage(rule, extent(others, kUnit), positions);
    if (covered == Coverage::none) return false;
    if (first + 16 * RowTiles > seen) covered = Coverage::some;
    const std::uint32_t word =
        covered == Coverage::all ? ~0U : visible<true>(rule, marks, own, others);
    if (covered == Coverage::some && gpu::ballot(word != 0) == 0) return false;
    add_unit(i, c, word, covered == Coverage::some);
    return true;
  }

  GPU_FUNCTION void add_to_queries(int i, int c) const {
    const auto row_of = [&](int row) { return query_list(i).get(c + row); };
    add_slopes_times_keys<T, D, Warps>(slope_tile, key_tile, row_of, p, tile.group);
  }

  GPU_FUNCTION void add_unit(int i, int c, std::uint32_t word, bool masked) {
    float score[RowTiles][kUnit / 8][4], slope[RowTiles][kUnit / 8][4];
    multiply_rows<T, D / 16>(own_keys, query_tile(i), c, score);
    multiply_rows<T, D / 16>(own_values, grad_tile(i), c, slope);
    if (masked) {
      const TileBits<RowTiles> bits(word);
      GPU_UNROLL
      for (int r = 0; r < RowTiles; ++r) {
        GPU_UNROLL
        for (int e = 0; e < kUnit / 2; ++e) {
          if (!bits.get(r, e / 4, e % 4)) score[r][e / 4][e % 4] = -kInfinity;
        }
      }
    }
    weigh(i, c, score, slope);
    GPU_UNROLL
    for (int k = 0; k < kUnit / 16; ++k) {
      std::uint32_t left[RowTiles][4];
      GPU_UNROLL
      for (int r = 0; r < RowTiles; ++r) as_left<T>(score[r][2 * k], score[r][2 * k + 1], left[r]);
      multiply_columns<T>(left, grad_tile(i), c + 16 * k, sum_value);
      GPU_UNROLL
      for (int r = 0; r < RowTiles; ++r) as_left<T>(slope[r][2 * k], slope[r][2 * k + 1], left[r]);
      multiply_columns<T>(left, query_tile(i), c + 16 * k, sum_key);
    }
    if constexpr (Atomic) share_slopes<T, RowTiles>(&slope, first, slope_tile);
  }

  /// Scores become weights p, slopes become dS.
  GPU_FUNCTION void weigh(int i, int c, float (&score)[RowTiles][kUnit / 8][4],
                          float (&slope)[RowTiles][kUnit / 8][4]) const {
    const float unit = p.scale * kLog2E;
    GPU_UNROLL
    for (int n = 0; n < kUnit / 8; ++n) {
      const int column = c + 8 * n + gpu::lane() % 4 * 2;
      const auto log_sum = gpu::shared_load<Pair>(log_sums(i).at(column));
      const auto shift = gpu::shared_load<Pair>(shifts(i).at(column));
      GPU_UNROLL
      for (int r = 0; r < RowTiles; ++r) {
        GPU_UNROLL
        for (int e = 0; e < 4; ++e) {
          const float base = e % 2 == 0 ? log_sum.one : log_sum.two;
          const float mean = e % 2 == 0 ? shift.one : shift.two;
          const float weight = gpu::exp2_fast(gpu::multiply_add(score[r][n][e], unit, -base));
          score[r][n][e] = weight;
          slope[r][n][e] = weight * (slope[r][n][e] - mean);
        }
      }
    }
  }

  GPU_FUNCTION void finish() {
    GPU_UNROLL
    for (int r = 0; r < RowTiles; ++r) {
      const int row = first + 16 * r;
      write(sum_key[r], p.scale, key_tile, row, p.grad_key, p.packed_grad_key);
      write(sum_value[r], 1, value_tile, row, p.grad_value, p.packed_grad_value);
    }
  }
  /// 16 rows, to their places: in the gradient where no row repeats, else packed.
  GPU_FUNCTION void write(float (&sums)[D / 8][4], float scale, const KeyTile& stage, int row,
                          const Rows& to, float* packed) {
    const float factor[2] = {scale, scale};
    if (packed == nullptr) {
      gpu::sync_warp();  // all lanes have read the rows that now become the stage
      scatter<T>(sums, factor, stage, row, keys, pieces,
                 GroupRows<T>(to, p.plan.heads, tile.group));
      return;
    }
    GPU_UNROLL
    for (int e = 0; e < D / 2; ++e) {
      const std::int64_t key = tile.begin + row + e % 4 / 2 * 8 + gpu::lane() / 4;
      const int column = e / 4 * 8 + gpu::lane() % 4 * 2 + e % 2;
      if (key >= tile.end || column >= p.head_dim) continue;
      gpu::store(packed + (tile.group * p.plan.keys + key) * p.head_dim + column,
                 sums[e / 4][e % 4] * scale);
    }
  }

  const KeyTile key_tile{0}, value_tile{kValueAt};
  const SlopeTile slope_tile{kSlopeAt};
  const KeyList keys{kKeyListAt};
  const Params& p;
  const TileItem tile;
  const Rule rule;
  const GroupPlan group;
  const GroupMarks marks;
  const int pieces;
  const int first;    // of this warp's rows in the tile
  std::int32_t own;   // this lane's key, when lanes stand for keys
  std::int32_t seen;  // how many of the tile's keys the segment at hand sees
  Extent positions;   // of this warp's keys
  OwnRows own_keys, own_values;
  float sum_key[RowTiles][D / 8][4], sum_value[RowTiles][D / 8][4];
};

}  // namespace attnlab::cuda
