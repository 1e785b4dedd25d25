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

#include "framework/cuda/not_finite.cuh"
#include "framework/cuda/query_facts.cuh"
#include "framework/cuda/query_sums.cuh"

namespace attnlab::cuda {

/// Warps x 16 RowTiles keys per block.
template <class T, int D, int Warps, int RowTiles, bool Atomic = false, bool Careful = false>
class BackwardKey {
 public:
  using Params = BackwardParams;
  static constexpr int kThreads = Warps * kWarp;
  static constexpr int kBlocks = D <= 64 ? 2 : 1;
  static constexpr int kKeys = Warps * 16 * RowTiles;
  static constexpr int kQueries = Atomic && D > 96 ? 32 : 64;  // as shared memory allows
  static constexpr int kSteps = kQueries / 32;                 // of the innermost loop, a tile

 private:
  static constexpr int kUnit = 32;  // queries in registers at a time: one word of bits
  using KeyTile = SharedTile<D, kKeys>;
  /// Shared memory is what limits this kernel: keys and values stay in registers where they fit.
  static constexpr int kHeld = D * RowTiles > 64 ? 0 : Atomic ? 2 : D / 16;
  using QueryTile = SharedTile<D, kQueries>;
  using KeyList = SharedList<std::int32_t, kKeys>;
  using Facts = QueryFacts<kQueries>;
  static constexpr std::uint32_t kValueAt = KeyTile::kBytes;
  static constexpr std::uint32_t kQueryAt = kValueAt + KeyTile::kBytes;
  static constexpr std::uint32_t kGradAt = kQueryAt + 2 * QueryTile::kBytes;
  static constexpr std::uint32_t kKeyListAt = kGradAt + 2 * QueryTile::kBytes;
  static constexpr std::uint32_t kFactsAt = kKeyListAt + KeyList::kBytes;
  using SlopeTile = SharedTile<kUnit, kKeys>;  // dS [keys, queries]
  static constexpr std::uint32_t kSlopeAt = kFactsAt + 3 * Facts::kBytes;

 public:
  static constexpr std::uint32_t kSharedBytes = kSlopeAt + (Atomic ? SlopeTile::kBytes : 0);

  static GPU_FUNCTION void run(const Params& p) {
    if (gpu::block() < gpu::load(p.key_tiles.count)) BackwardKey(p, tile_at(p)).work();
  }
  /// A function of its own, so that registers are shared out as if it were not there.
  static GPU_NO_INLINE void run_carefully(const Params& p) { BackwardKey(p, tile_at(p)).work(); }

 private:
  static GPU_FUNCTION TileItem tile_at(const Params& p) {
    return gpu::load(p.key_tiles.items + gpu::load(p.key_tiles.order + gpu::block()));
  }
  GPU_FUNCTION BackwardKey(const Params& params, const TileItem& item)
      : p(params),
        tile(item),
        rule(params.plan),
        group(params.plan, item.group),
        marks(params.plan, item.group),
        place(params.plan.heads, item.group),
        query_rows(params.query, params.grad_out, place),
        pieces(params.head_dim / 8),
        first(gpu::warp() * 16 * RowTiles) {}

  static GPU_FUNCTION QueryTile query_tile(int i) {
    return {kQueryAt + static_cast<std::uint32_t>(i % 2) * QueryTile::kBytes};
  }
  static GPU_FUNCTION QueryTile grad_tile(int i) {
    return {kGradAt + static_cast<std::uint32_t>(i % 2) * QueryTile::kBytes};
  }
  static GPU_FUNCTION Facts facts(int i) {
    return {kFactsAt + static_cast<std::uint32_t>(i % 3) * Facts::kBytes};
  }

  GPU_FUNCTION QueryFact look(const Range& range, int i) const {
    const std::int32_t at = range.begin + i * kQueries + gpu::thread();
    if (gpu::thread() >= kQueries || at >= range.end) return {};
    const std::int32_t row = gpu::load(group.query_rows + at);
    const float lse = gpu::load(p.lse + tile.group * p.plan.length + row);
    if (lse == -kInfinity) return {};
    return {row, lse * kLog2E, gpu::load(p.shift + tile.group * p.plan.length + row)};
  }
  GPU_FUNCTION void fetch_queries(int i) const {
    gather<kThreads>(query_rows, facts(i).rows(), pieces, query_tile(i), grad_tile(i));
  }

  GPU_FUNCTION void work() {
    walk();
    if constexpr (!Careful) {
      if (gpu::any_thread(!all_finite(sum_key) || !all_finite(sum_value))) {
        return BackwardKey<T, D, Warps, RowTiles, Atomic, true>::run_carefully(p);
      }
    }
    finish();
  }

  GPU_FUNCTION void walk() {
    for (int i = gpu::thread(); i < kKeys; i += kThreads) {
      const std::int32_t at = tile.begin + i;
      keys.set(i, at < tile.end ? gpu::load(group.key_rows + at) : kNoRow);
    }
    gpu::sync_threads();
    gather<kThreads>(RowPair<T>(p.key, p.value, place), keys, pieces, key_tile, value_tile);
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
  }

  /// The queries of one segment.
  GPU_FUNCTION void walk(std::int32_t segment) {
    const Range range = query_range(p.plan, group, rule, tile, segment);
    if (range.begin >= range.end) return;
    const std::int32_t end = gpu::load(group.key_end + segment);
    seen = (end < tile.end ? end : tile.end) - tile.begin;
    const int row = first + gpu::lane() % (16 * RowTiles);
    own = row < seen ? keys.get(row) : kNoRow;
    facts(0).note(look(range, 0));
    facts(1).note(look(range, 1));
    gpu::sync_threads();
    fetch_queries(0);
    gpu::copy_commit();
    gpu::copy_wait<0>();
    gpu::sync_threads();
    const int tiles = (range.end - range.begin + kQueries - 1) / kQueries;
    GPU_NO_UNROLL
    for (int i = 0; i < tiles; ++i) {
      const QueryFact ahead = look(range, i + 2);
      if (i + 1 < tiles) fetch_queries(i + 1);
      gpu::copy_commit();
      if constexpr (Careful) keep_out(i);
      add(i);
      facts(i + 2).note(ahead);
      gpu::copy_wait<0>();
      gpu::sync_threads();
    }
  }

  /// What is not finite among the queries of tile i goes to the keys that they see: NaN in lse
  /// makes every weight of a query NaN, one in grad_out or shift every slope.
  GPU_FUNCTION void keep_out(int i) {
    GPU_NO_UNROLL
    for (int c = 0; c < kQueries; c += kUnit) {
      const std::uint32_t word = visible<true>(rule, marks, own, facts(i).rows().at(c));
      const std::uint32_t spoiled = spoiled_rows<T>(grad_tile(i), c);
      const std::uint32_t weights = gpu::ballot(!facts(i).has_weights(c + gpu::lane()));
      const std::uint32_t slopes = gpu::ballot(!facts(i).has_slopes(c + gpu::lane()));
      add_spoiled<T>(grad_tile(i), c, spoiled, word, sum_value);
      spoil_rows(word & weights, sum_value);
      spoil_rows(word & (weights | slopes | spoiled), sum_key);
    }
    gpu::sync_threads();
    make_finite<kThreads, T>(query_tile(i));
    make_finite<kThreads, T>(grad_tile(i));
    facts(i).make_finite();
    gpu::sync_threads();
  }

  GPU_FUNCTION void add(int i) {
    GPU_NO_UNROLL
    for (int c = 0; c < kQueries; c += kUnit) {
      const bool added = add_seen(i, c);
      if constexpr (Atomic && !Careful) {  // those were added the first time
        if (!added) share_slopes<T, RowTiles>(nullptr, first, slope_tile);
        gpu::sync_threads();
        add_to_queries(i, c);
        gpu::sync_threads();
      }
    }
  }
  /// False where none of this warp's keys is seen.
  GPU_FUNCTION bool add_seen(int i, int c) {
    const std::uint32_t others = facts(i).rows().at(c);
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
    const auto row_of = [&](int row) { return facts(i).rows().get(c + row); };
    add_slopes_times_keys<T, D, Warps>(slope_tile, key_tile, row_of, p, tile.group);
  }

  GPU_FUNCTION void add_unit(int i, int c, std::uint32_t word, bool masked) {
    float score[RowTiles][kUnit / 8][4], slope[RowTiles][kUnit / 8][4];
    multiply_rows<T, D / 16>(own_keys, query_tile(i), c, score);
    multiply_rows<T, D / 16>(own_values, grad_tile(i), c, slope);
    if (masked) {
      const TileBits<RowTiles> bits(word);
      mask(bits, -kInfinity, score);
      if (Atomic || Careful) mask(bits, 0, slope);  // of values that are not finite
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
    if constexpr (Atomic && !Careful) share_slopes<T, RowTiles>(&slope, first, slope_tile);
  }

  /// Scores become weights p, slopes become dS.
  GPU_FUNCTION void weigh(int i, int c, float (&score)[RowTiles][kUnit / 8][4],
                          float (&slope)[RowTiles][kUnit / 8][4]) const {
    const float unit = p.scale * kLog2E;
    GPU_UNROLL
    for (int n = 0; n < kUnit / 8; ++n) {
      const int column = c + 8 * n + gpu::lane() % 4 * 2;
      const auto log_sum = facts(i).log_sums_of(column);
      const auto shift = facts(i).shifts_of(column);
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
      scatter<T>(sums, factor, stage, row, keys, pieces, GroupRows<T>(to, place));
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
  const GroupPlace place;
  const RowPair<T> query_rows;
  const int pieces;
  const int first;    // of this warp's rows in the tile
  std::int32_t own;   // this lane's key, when lanes stand for keys
  std::int32_t seen;  // how many of the tile's keys the segment at hand sees
  Extent positions;   // of this warp's keys
  OwnRows<KeyTile, RowTiles, D / 16, kHeld> own_keys, own_values;
  float sum_key[RowTiles][D / 8][4], sum_value[RowTiles][D / 8][4];
};

}  // namespace attnlab::cuda
