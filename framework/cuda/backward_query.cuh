/// backward_query.cuh: grad_query[t] = scale sum_s dS[t,s] k[s], where
///   dS[t,s] = p[t,s] (grad_out[t] . v[s] - shift[t]) and p = exp(scale q[t].k[s] - lse[t]).
///   The same walk as forward.cuh; scores are computed again, 32 keys at a time, and no thread adds
///   to what another writes.
#pragma once

#include "framework/cuda/not_finite.cuh"

namespace attnlab::cuda {

/// Warps x 16 RowTiles queries per block.
template <class T, int D, int Warps, int RowTiles, bool Careful = false>
class BackwardQuery {
 public:
  using Params = BackwardParams;
  static constexpr int kThreads = Warps * kWarp;
  static constexpr int kBlocks = D <= 64 ? 2 : 1;
  static constexpr int kQueries = Warps * 16 * RowTiles;
  static constexpr int kKeys = 64;
  static constexpr int kSteps = kKeys / 32;  // of the innermost loop, a tile

 private:
  static constexpr int kUnit = 32;  // keys in registers at a time: one word of bits
  static constexpr int kHeld = D == 64 ? 2 : D / 16;  // steps that the registers have room for
  using QueryTile = SharedTile<D, kQueries>;
  using KeyTile = SharedTile<D, kKeys>;
  using KeyList = SharedList<std::int32_t, kKeys>;
  using QueryList = SharedList<std::int32_t, kQueries>;
  using QueryNumbers = SharedList<float, kQueries>;
  static constexpr std::uint32_t kGradAt = QueryTile::kBytes;
  static constexpr std::uint32_t kKeyAt = kGradAt + QueryTile::kBytes;
  static constexpr std::uint32_t kValueAt = kKeyAt + 2 * KeyTile::kBytes;
  static constexpr std::uint32_t kKeyListAt = kValueAt + 2 * KeyTile::kBytes;
  static constexpr std::uint32_t kQueryListAt = kKeyListAt + 3 * KeyList::kBytes;
  static constexpr std::uint32_t kSeeingAt = kQueryListAt + QueryList::kBytes;
  static constexpr std::uint32_t kLseAt = kSeeingAt + QueryList::kBytes;
  static constexpr std::uint32_t kShiftAt = kLseAt + QueryNumbers::kBytes;

 public:
  static constexpr std::uint32_t kSharedBytes = kShiftAt + QueryNumbers::kBytes;

  static GPU_FUNCTION void run(const Params& p) {
    if (gpu::block() < gpu::load(p.query_tiles.count)) BackwardQuery(p, tile_at(p)).work();
  }
  /// A function of its own, so that registers are shared out as if it were not there.
  static GPU_NO_INLINE void run_carefully(const Params& p) { BackwardQuery(p, tile_at(p)).work(); }

 private:
  static GPU_FUNCTION TileItem tile_at(const Params& p) {
    return gpu::load(p.query_tiles.items + gpu::load(p.query_tiles.order + gpu::block()));
  }
  GPU_FUNCTION BackwardQuery(const Params& params, const TileItem& item)
      : p(params),
        tile(item),
        rule(params.plan),
        group(params.plan, item.group),
        marks(params.plan, item.group),
        range(key_range(params.plan, group, rule, item)),
        place(params.plan.heads, item.group),
        key_rows(params.key, params.value, place),
        pieces(params.head_dim / 8),
        first(gpu::warp() * 16 * RowTiles) {}

  static GPU_FUNCTION KeyTile key_tile(int i) {
    return {kKeyAt + static_cast<std::uint32_t>(i % 2) * KeyTile::kBytes};
  }
  static GPU_FUNCTION KeyTile value_tile(int i) {
    return {kValueAt + static_cast<std::uint32_t>(i % 2) * KeyTile::kBytes};
  }
  static GPU_FUNCTION KeyList key_list(int i) {
    return {kKeyListAt + static_cast<std::uint32_t>(i % 3) * KeyList::kBytes};
  }
  GPU_FUNCTION std::int32_t key_number(int i) const {
    const std::int32_t at = range.begin + i * kKeys + gpu::thread();
    return at < range.end ? gpu::load(group.key_rows + at) : kNoRow;
  }
  GPU_FUNCTION void fetch_keys(int i) const {
    gather<kThreads>(key_rows, key_list(i), pieces, key_tile(i), value_tile(i));
  }

  /// A row that sees no key is not read: its gradient, which may be anything, counts as 0.
  GPU_FUNCTION void list_queries() const {
    for (int i = gpu::thread(); i < kQueries; i += kThreads) {
      const std::int32_t at = tile.begin + i;
      const std::int32_t row = at < tile.end ? gpu::load(group.query_rows + at) : kNoRow;
      const std::int64_t place = tile.group * p.plan.length + row;
      const float lse = row == kNoRow ? -kInfinity : gpu::load(p.lse + place);
      const bool sees = lse != -kInfinity;
      queries.set(i, row);
      seeing.set(i, sees ? row : kNoRow);
      log_sums.set(i, sees ? lse * kLog2E : kInfinity);  // weights of exp2(-inf) = 0
      shifts.set(i, sees ? gpu::load(p.shift + place) : 0.0F);
    }
  }

  GPU_FUNCTION void work() {
    walk();
    if constexpr (!Careful) {
      if (gpu::any_thread(!all_finite(sum))) {
        return BackwardQuery<T, D, Warps, RowTiles, true>::run_carefully(p);
      }
    }
    finish();
  }

  GPU_FUNCTION void walk() {
    list_queries();
    if (gpu::thread() < kKeys) {
      key_list(0).set(gpu::thread(), key_number(0));
      key_list(1).set(gpu::thread(), key_number(1));
    }
    gpu::sync_threads();
    gather<kThreads>(RowPair<T>(p.query, p.grad_out, place), seeing, pieces, query_tile, grad_tile);
    fetch_keys(0);
    gpu::copy_commit();
    start();
    gpu::copy_wait<0>();
    gpu::sync_threads();
    query.load(query_tile, first);
    grad.load(grad_tile, first);
    const int tiles = (range.end - range.begin + kKeys - 1) / kKeys;
    GPU_NO_UNROLL
    for (int i = 0; i < tiles; ++i) {
      std::int32_t ahead = kNoRow;
      if (gpu::thread() < kKeys) ahead = key_number(i + 2);
      if (i + 1 < tiles) fetch_keys(i + 1);
      gpu::copy_commit();
      if constexpr (Careful) keep_out(i);
      add(i);
      if (gpu::thread() < kKeys) key_list(i + 2).set(gpu::thread(), ahead);
      gpu::copy_wait<0>();
      gpu::sync_threads();
    }
  }

  /// What is not finite among the keys of tile i goes to the queries that see it. In values it has
  /// reached the shift of those.
  GPU_FUNCTION void keep_out(int i) {
    GPU_NO_UNROLL
    for (int c = 0; c < kKeys; c += kUnit) {
      const std::uint32_t word = visible<false>(rule, marks, own, key_list(i).at(c));
      add_spoiled<T>(key_tile(i), c, spoiled_rows<T>(key_tile(i), c), word, sum);
    }
    gpu::sync_threads();
    make_finite<kThreads, T>(key_tile(i));
    make_finite<kThreads, T>(value_tile(i));
    gpu::sync_threads();
  }

  GPU_FUNCTION void start() {
    own = queries.get(first + gpu::lane() % (16 * RowTiles));
    positions = extent(queries.at(first), 16 * RowTiles);
    GPU_UNROLL
    for (int r = 0; r < RowTiles; ++r) {
      clear(sum[r]);
      GPU_UNROLL
      for (int half = 0; half < 2; ++half) {
        const int row = first + 16 * r + 8 * half + gpu::lane() / 4;
        log_sum[r][half] = log_sums.get(row);
        shift[r][half] = shifts.get(row);
      }
    }
  }

  GPU_FUNCTION void add(int i) {
    const KeyList rows = key_list(i);
    Coverage covered = coverage(rule, positions, extent(rows.at(0), kKeys));
    if (covered == Coverage::none) return;
    if (range.end - range.begin - i * kKeys < kKeys) covered = Coverage::some;
    GPU_NO_UNROLL
    for (int c = 0; c < kKeys; c += kUnit) {
      const std::uint32_t word =
          covered == Coverage::all ? ~0U : visible<false>(rule, marks, own, rows.at(c));
      if (covered == Coverage::some && gpu::ballot(word != 0) == 0) continue;
      add_unit(key_tile(i), value_tile(i), c, word, covered == Coverage::some);
    }
  }

  GPU_FUNCTION void add_unit(const KeyTile& keys, const KeyTile& values, int c, std::uint32_t word,
                             bool masked) {
    float score[RowTiles][kUnit / 8][4], slope[RowTiles][kUnit / 8][4];
    multiply_rows<T, D / 16>(query, keys, c, score);
    multiply_rows<T, D / 16>(grad, values, c, slope);
    if (masked) mask(TileBits<RowTiles>(word), -kInfinity, score);
    const float unit = p.scale * kLog2E;
    GPU_UNROLL
    for (int r = 0; r < RowTiles; ++r) {
      GPU_UNROLL
      for (int e = 0; e < kUnit / 2; ++e) {
        const int half = e % 4 / 2;
        const float weight =
            gpu::exp2_fast(gpu::multiply_add(score[r][e / 4][e % 4], unit, -log_sum[r][half]));
        score[r][e / 4][e % 4] = weight * (slope[r][e / 4][e % 4] - shift[r][half]);
      }
    }
    GPU_UNROLL
    for (int k = 0; k < kUnit / 16; ++k) {
      std::uint32_t left[RowTiles][4];
      GPU_UNROLL
      for (int r = 0; r < RowTiles; ++r) as_left<T>(score[r][2 * k], score[r][2 * k + 1], left[r]);
      multiply_columns<T>(left, keys, c + 16 * k, sum);
    }
  }

  GPU_FUNCTION void finish() {
    const GroupRows<T> to(p.grad_query, place);
    const float factor[2] = {p.scale, p.scale};
    gpu::sync_warp();  // all lanes have read the rows of queries that now become the stage
    GPU_UNROLL
    for (int r = 0; r < RowTiles; ++r) {
      scatter<T>(sum[r], factor, query_tile, first + 16 * r, queries, pieces, to);
    }
  }

  const QueryTile query_tile{0}, grad_tile{kGradAt};
  const QueryList queries{kQueryListAt}, seeing{kSeeingAt};
  const QueryNumbers log_sums{kLseAt}, shifts{kShiftAt};
  const Params& p;
  const TileItem tile;
  const Rule rule;
  const GroupPlan group;
  const GroupMarks marks;
  const Range range;
  const GroupPlace place;
  const RowPair<T> key_rows;
  const int pieces;
  const int first;   // of this warp's rows in the tile
  std::int32_t own;  // this lane's row, when lanes stand for rows
  Extent positions;  // of this warp's rows
  OwnRows<QueryTile, RowTiles, D / 16, kHeld> query, grad;
  float sum[RowTiles][D / 8][4];
  float log_sum[RowTiles][2], shift[RowTiles][2];
};

}  // namespace attnlab::cuda
