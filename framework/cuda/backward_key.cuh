/// backward_key.cuh: grad_value[s] = sum_t p[t,s] grad_out[t],
///   grad_key[s] = scale sum_t dS[t,s] q[t], with p and dS of backward_query.cuh.
///   A block owns one tile of packed keys and walks over the queries of every segment that sees
///   them, the last segment first; scores are held as [keys, queries], so that weights never leave
///   registers. Atomic: dS goes through shared memory to a product with the keys as well, which is
///   added to float32 sums of grad_query in whatever order blocks run: two of seven products less,
///   and the bits of grad_query are no longer the same every time.
#pragma once

#include <type_traits>

#include "framework/cuda/attention_launch.h"
#include "framework/cuda/key_walk.cuh"
#include "framework/cuda/query_sums.cuh"
#include "framework/cuda/query_walk.cuh"

namespace attnlab::cuda {

/// Warps x 16 RowTiles keys per block, Queries queries a tile. With small tiles a warp that has at
/// most 16 keys computes no more.
template <class T, int D, int Warps, int RowTiles, int Queries = 64, bool Atomic = false,
          bool Careful = false>
class BackwardKey {
 public:
  using Params = BackwardParams;
  static constexpr int kThreads = Warps * kWarp;
  static constexpr int kBlocks = D <= 64 ? 8 / Warps : 1;
  static constexpr int kKeys = Warps * 16 * RowTiles;
  static constexpr int kQueries = Queries;
  static constexpr int kSteps = kQueries / 32;  // of the innermost loop, a tile

 private:
  static constexpr int kUnit = 32;  // queries in registers at a time: one word of bits
  static constexpr bool kSmall = kQueries == kUnit && RowTiles > 1;
  using KeyTile = SharedTile<D, kKeys>;
  /// Keys and values stay in registers where they fit; two row tiles, which halve the traffic of
  /// everything else, need the registers for sums.
  static constexpr int kHeld = D * RowTiles > 64 ? 0 : D / 16;
  using KeyList = SharedList<std::int32_t, kKeys>;
  using Walk = QueryWalk<T, D, kThreads, kQueries>;
  using SlopeTile = SharedTile<kUnit, kKeys>;  // dS [keys, queries]
  static constexpr std::uint32_t kValueAt = KeyTile::kBytes;
  static constexpr std::uint32_t kWalkAt = kValueAt + KeyTile::kBytes;
  static constexpr std::uint32_t kKeyListAt = kWalkAt + Walk::kBytes;
  static constexpr std::uint32_t kRuleAt = kKeyListAt + KeyList::kBytes;
  static constexpr std::uint32_t kSlopeAt = kRuleAt + sizeof(Rule);
  /// Blocks that share a tile of the list.
  static constexpr int kParts = Atomic ? key_tile_rows(kAttnlabBfloat16, D) / kKeys : 1;

 public:
  static constexpr std::uint32_t kSharedBytes = kSlopeAt + (Atomic ? SlopeTile::kBytes : 0);

  static constexpr std::int64_t blocks(const Params& p) { return p.key_tiles.most * kParts; }
  static GPU_FUNCTION void run(const Params& p) {
    const TileItem tile = tile_at(p);
    if (tile.group >= 0 && (kParts == 1 || tile.begin < tile.end)) BackwardKey(p).work();
  }
  static GPU_NO_INLINE void run_carefully(const Params& p) { BackwardKey(p).work(); }

 private:
  static GPU_FUNCTION TileItem tile_at(const Params& p) {
    TileItem tile = gpu::load(p.key_tiles.items + gpu::block() / kParts);
    tile.begin += static_cast<std::int32_t>(gpu::block() % kParts) * kKeys;
    if (kParts > 1 && tile.end > tile.begin + kKeys) tile.end = tile.begin + kKeys;
    return tile;
  }
  explicit GPU_FUNCTION BackwardKey(const Params& params)
      : p(params), first(gpu::warp() * 16 * RowTiles) {}
  // Registers are short: what only some tiles need is fetched anew where it is needed.
  GPU_FUNCTION TileItem tile() const { return tile_at(p); }
  GPU_FUNCTION int pieces() const { return p.head_dim / 8; }
  /// Bits of the queries whose rows stand at `others` and that see this lane's key.
  GPU_FUNCTION std::uint32_t sight(std::uint32_t others) const {
    const Rule rule = this->rule();
    const int row = first + gpu::lane() % (16 * RowTiles);
    const std::int32_t own = row < seen() ? keys.get(row) : kNoRow;
    const std::uint32_t word = near<true>(rule, own, others);
    if (!rule.more) return word;
    return exclude_marked<true>(GroupMarks(p.plan, tile().group), own, others, word);
  }

  static GPU_FUNCTION Rule rule() { return gpu::shared_load<Rule>(kRuleAt); }

  GPU_FUNCTION void work() {
    walk_segments();
    if constexpr (!Careful) {
      if (gpu::any_thread(!all_finite(sum_key) || !all_finite(sum_value))) {
        return BackwardKey<T, D, Warps, RowTiles, Queries, Atomic, true>::run_carefully(p);
      }
    }
    finish();
  }

  GPU_FUNCTION void walk_segments() {
    static_assert(kKeys <= kThreads);
    const TileItem tile = this->tile();
    const std::int32_t at = tile.begin + gpu::thread();
    const auto* const key_rows = GroupPlan(p.plan, tile.group).key_rows;
    const std::int32_t row = at < tile.end ? gpu::load(key_rows + at) : kNoRow;
    start_segment(tile, {tile.other_begin, tile.other_end}, tile.end - tile.begin, tile.earlier);
    if (gpu::thread() < kKeys) keys.set(gpu::thread(), row);
    if (gpu::thread() == 0) gpu::shared_store(kRuleAt, Rule(p.plan));
    gpu::sync_threads();
    const GroupPlace place(p.plan.heads, tile.group);
    gather<kThreads>(RowPair<T>(p.key, p.value, place), keys, pieces(), key_tile, value_tile);
    walk.fetch(0, pieces());
    gpu::copy_commit();
    positions = extent(keys.at(first), 16 * RowTiles);
    clear(sum_key), clear(sum_value);
    gpu::copy_wait<0>();
    gpu::sync_threads();
    own_keys.load(key_tile, first);
    own_values.load(value_tile, first);
    GPU_NO_UNROLL
    while (true) {
      walk_segment();
      if (walk.segment().earlier == 0) return;
      fetch_earlier_segment();
    }
  }

  /// A segment's queries, which see the first `seen` of the tile's keys; `earlier` segments before
  /// it see some of them too.
  GPU_FUNCTION void start_segment(const TileItem& tile, const Range& queries, std::int32_t seen,
                                  std::int32_t earlier) const {
    const std::int64_t first_row = tile.group * p.plan.length;
    const RowPair<T> from(p.query, p.grad_out, GroupPlace(p.plan.heads, tile.group));
    walk.start({GroupPlan(p.plan, tile.group).query_rows + queries.begin, p.lse + first_row,
                p.shift + first_row, from, queries.end - queries.begin, seen, earlier});
  }
  GPU_FUNCTION void fetch_earlier_segment() {
    const TileItem tile = this->tile();
    const GroupPlan group(p.plan, tile.group);
    const std::int32_t earlier = walk.segment().earlier - 1;
    const auto [queries, seen] =
        earlier_segment(p.plan, group, rule(), tile, tile.segment - tile.earlier + earlier);
    gpu::sync_threads();  // all have finished with the segment before
    start_segment(tile, queries, seen, earlier);
    gpu::sync_threads();
    walk.fetch(0, pieces());
    gpu::copy_commit();
    gpu::copy_wait<0>();
    gpu::sync_threads();
  }
  GPU_FUNCTION int seen() const { return walk.segment().seen; }
  GPU_FUNCTION void walk_segment() {
    GPU_NO_UNROLL
    for (int i = 0; walk.has_tile(i); ++i) {
      const QueryFact ahead = walk.look(i + 2);
      if (walk.has_tile(i + 1)) walk.fetch(i + 1, pieces());
      gpu::copy_commit();
      if constexpr (Careful) keep_out(i);
      add(i);
      walk.note(i + 2, ahead);
      gpu::copy_wait<0>();
      gpu::sync_threads();
    }
  }

  /// What is not finite among the queries of tile i goes to the keys that they see: NaN in lse
  /// makes every weight of a query NaN, one in grad_out or shift every slope.
  GPU_FUNCTION void keep_out(int i) {
    GPU_NO_UNROLL
    for (int c = 0; c < kQueries; c += kUnit) {
      const std::uint32_t word = sight(walk.facts(i).rows().at(c));
      const std::uint32_t spoiled = spoiled_rows<T>(walk.grad_tile(i), c);
      const std::uint32_t weights = gpu::ballot(!walk.facts(i).has_weights(c + gpu::lane()));
      const std::uint32_t slopes = gpu::ballot(!walk.facts(i).has_slopes(c + gpu::lane()));
      add_spoiled<T>(walk.grad_tile(i), c, spoiled, word, sum_value);
      spoil_rows(word & weights, sum_value);
      spoil_rows(word & (weights | slopes | spoiled), sum_key);
    }
    gpu::sync_threads();
    make_finite<kThreads, T>(walk.query_tile(i));
    make_finite<kThreads, T>(walk.grad_tile(i));
    walk.facts(i).make_finite();
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
    const std::uint32_t others = walk.facts(i).rows().at(c);
    Coverage covered = coverage(rule(), extent(others, kUnit), positions);
    if (covered == Coverage::none) return false;
    if (first + 16 * RowTiles > seen()) covered = Coverage::some;
    const std::uint32_t word = covered == Coverage::all ? ~0U : sight(others);
    if (covered == Coverage::some && gpu::ballot(word != 0) == 0) return false;
    if constexpr (kSmall) {
      if (seen() <= first + 16) {
        add_unit<1>(i, c, word, true);
        return true;
      }
    }
    add_unit<RowTiles>(i, c, word, covered == Coverage::some);
    return true;
  }

  GPU_FUNCTION void add_to_queries(int i, int c) const {
    const auto row_of = [&](int row) { return walk.facts(i).rows().get(c + row); };
    add_slopes_times_keys<T, D, Warps>(slope_tile, key_tile, row_of, p, tile().group);
  }

  /// What 32 queries add to the first 16 Count keys.
  template <int Count>
  GPU_FUNCTION void add_unit(int i, int c, std::uint32_t word, bool masked) {
    float score[Count][kUnit / 8][4], slope[Count][kUnit / 8][4];
    multiply_rows<T, D / 16>(own_keys, walk.query_tile(i), c, score);
    multiply_rows<T, D / 16>(own_values, walk.grad_tile(i), c, slope);
    if (masked) {
      const TileBits<Count> bits(word);
      mask(bits, -kInfinity, score);
      if (Atomic || Careful) mask(bits, 0, slope);  // of values that are not finite
    }
    weigh(i, c, score, slope);
    GPU_UNROLL
    for (int k = 0; k < kUnit / 16; ++k) {
      std::uint32_t left[Count][4];
      GPU_UNROLL
      for (int r = 0; r < Count; ++r) as_left<T>(score[r][2 * k], score[r][2 * k + 1], left[r]);
      multiply_columns<T>(left, walk.grad_tile(i), c + 16 * k, sum_value);
      GPU_UNROLL
      for (int r = 0; r < Count; ++r) as_left<T>(slope[r][2 * k], slope[r][2 * k + 1], left[r]);
      multiply_columns<T>(left, walk.query_tile(i), c + 16 * k, sum_key);
    }
    if constexpr (Atomic && !Careful) share_slopes<T, RowTiles>(&slope, first, slope_tile);
  }

  /// Scores become weights p, slopes become dS.
  template <int Count>
  GPU_FUNCTION void weigh(int i, int c, float (&score)[Count][kUnit / 8][4],
                          float (&slope)[Count][kUnit / 8][4]) const {
    const float unit = p.scale * kLog2E;
    GPU_UNROLL
    for (int n = 0; n < kUnit / 8; ++n) {
      const int column = c + 8 * n + gpu::lane() % 4 * 2;
      const auto log_sum = walk.facts(i).log_sums_of(column);
      const auto shift = walk.facts(i).shifts_of(column);
      GPU_UNROLL
      for (int r = 0; r < Count; ++r) {
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
    const TileItem tile = this->tile();
    if (packed == nullptr) {
      gpu::sync_warp();  // all lanes have read the rows that now become the stage
      const GroupRows<T> rows(to, GroupPlace(p.plan.heads, tile.group));
      return scatter<T>(sums, factor, stage, row, keys, pieces(), rows);
    }
    const std::int32_t low = tile.begin + row + gpu::lane() / 4;
    const std::int32_t places[2] = {low < tile.end ? low : kNoRow,
                                    low + 8 < tile.end ? low + 8 : kNoRow};
    write_packed(sums, scale, places, p.head_dim, packed + tile.group * p.plan.keys * p.head_dim);
  }

  const KeyTile key_tile{0}, value_tile{kValueAt};
  const SlopeTile slope_tile{kSlopeAt};
  const KeyList keys{kKeyListAt};
  const Walk walk{kWalkAt};
  const Params& p;
  const int first;   // of this warp's rows in the tile
  Extent positions;  // of this warp's keys
  OwnRows<KeyTile, RowTiles, D / 16, kHeld> own_keys, own_values;
  float sum_key[RowTiles][D / 8][4], sum_value[RowTiles][D / 8][4];
};

}  // namespace attnlab::cuda
