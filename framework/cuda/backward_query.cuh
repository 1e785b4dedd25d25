/// backward_query.cuh: grad_query[t] = scale sum_s dS[t,s] k[s], where
///   dS[t,s] = p[t,s] (grad_out[t] . v[s] - shift[t]) and p = exp(scale q[t].k[s] - lse[t]).
///   shift[t] = grad_out[t] . out[t] - grad_lse[t]. The same walk as forward.cuh; scores are
///   computed again, 32 keys at a time, and no thread adds to what another writes.
#pragma once

#include "framework/cuda/key_walk.cuh"
#include "framework/cuda/rows.cuh"

namespace attnlab::cuda {

/// As Forward's: Warps x 16 RowTiles queries per block, Keys keys a tile.
template <class T, int D, int Warps, int RowTiles, int Keys = 64, bool Careful = false>
class BackwardQuery {
 public:
  using Params = BackwardParams;
  static constexpr int kThreads = Warps * kWarp;
  static constexpr int kBlocks = D <= 64 ? 8 / Warps : 1;
  static constexpr int kQueries = Warps * 16 * RowTiles;
  static constexpr int kKeys = Keys;
  static constexpr int kSteps = kKeys / 32;  // of the innermost loop, a tile

 private:
  static constexpr int kUnit = 32;  // keys in registers at a time: one word of bits
  static constexpr bool kSmall = kKeys == kUnit && RowTiles > 1;
  static constexpr int kHeld = D == 64 ? 2 : D / 16;  // steps that the registers have room for
  using QueryTile = SharedTile<D, kQueries>;
  using QueryList = SharedList<std::int32_t, kQueries>;
  using QueryNumbers = SharedList<float, kQueries>;
  static constexpr std::uint32_t kGradAt = QueryTile::kBytes;
  using Walk = KeyWalk<T, D, kThreads, kKeys, kGradAt + QueryTile::kBytes>;
  static constexpr std::uint32_t kQueryListAt = Walk::kEnd;
  static constexpr std::uint32_t kSeeingAt = kQueryListAt + QueryList::kBytes;
  static constexpr std::uint32_t kLseAt = kSeeingAt + QueryList::kBytes;
  static constexpr std::uint32_t kShiftAt = kLseAt + QueryNumbers::kBytes;

 public:
  static constexpr std::uint32_t kSharedBytes = kShiftAt + QueryNumbers::kBytes;

  static GPU_FUNCTION void run(const Params& p) {
    const TileItem tile = gpu::load(p.query_tiles.items + gpu::block());
    if (tile.group >= 0) BackwardQuery(p, tile).work();
  }
  /// A function of its own, so that registers are shared out as if it were not there.
  static GPU_NO_INLINE void run_carefully(const Params& p) {
    BackwardQuery(p, gpu::load(p.query_tiles.items + gpu::block())).work();
  }

 private:
  GPU_FUNCTION BackwardQuery(const Params& params, const TileItem& tile)
      : p(params), walk(params, tile), first(gpu::warp() * 16 * RowTiles) {}

  /// A row that sees no key is not read: its gradient, which may be anything, counts as 0.
  GPU_FUNCTION void list_queries() const {
    static_assert(kQueries <= kThreads);
    const int i = gpu::thread();
    const auto keys = walk.first_numbers();
    const std::int32_t at = walk.tile.begin + i;
    const bool exists = i < kQueries && at < walk.tile.end;
    const std::int32_t row = exists ? gpu::load(walk.group.query_rows + at) : kNoRow;
    const float lse = row == kNoRow ? -kInfinity : gpu::load(p.lse + place_of(row));
    walk.list_first(keys);
    if (i >= kQueries) return;
    const bool sees = lse != -kInfinity;
    queries.set(i, row);
    seeing.set(i, sees ? row : kNoRow);
    log_sums.set(i, sees ? lse * kLog2E : kInfinity);  // weights of exp2(-inf) = 0
  }
  GPU_FUNCTION std::int64_t place_of(std::int32_t row) const {
    return walk.tile.group * p.plan.length + row;
  }
  /// Of this warp's rows; backward_key.cuh needs them too. All rows are on their way before the
  /// first is needed.
  GPU_FUNCTION void fill_shifts() const {
    constexpr int kEights = 2 * RowTiles;
    const GroupRows<T> grad_out(p.grad_out, walk.place), out(p.out, walk.place);
    const auto row_at = [&](int i) { return first + 8 * i + gpu::lane() / 4; };
    RowSum<T, D> sums[kEights];
    GPU_UNROLL
    for (int i = 0; i < kEights; ++i) {
      const std::int32_t row = seeing.get(row_at(i));
      const bool sees = row != kNoRow;
      sums[i].load(sees ? grad_out.row(row) : nullptr, sees ? out.row(row) : nullptr, p.head_dim);
    }
    GPU_UNROLL
    for (int i = 0; i < kEights; ++i) {
      float sum = sums[i].value();
      const std::int32_t row = queries.get(row_at(i));
      if (!sums[i].holds_sum() || row == kNoRow) continue;
      const bool sees = seeing.get(row_at(i)) != kNoRow;
      if (sees && p.grad_lse != nullptr) sum -= gpu::load(p.grad_lse + place_of(row));
      gpu::store(p.shift + place_of(row), sum);
      shifts.set(row_at(i), sum);
    }
  }

  GPU_FUNCTION void work() {
    list_queries();
    gpu::sync_threads();
    gather<kThreads>(RowPair<T>(p.query, p.grad_out, walk.place), seeing, walk.pieces, query_tile,
                     grad_tile);
    walk.run([&] { fill_shifts(); }, [&] { start(); },
             [&](int i) {
               if constexpr (Careful) keep_out(i);
               add(i);
             });
    if constexpr (!Careful) {
      if (gpu::any_thread(!all_finite(sum))) {
        return BackwardQuery<T, D, Warps, RowTiles, Keys, true>::run_carefully(p);
      }
    }
    finish();
  }

  /// What is not finite among the keys of tile i goes to the queries that see it. In values it has
  /// reached the shift of those.
  GPU_FUNCTION void keep_out(int i) {
    GPU_NO_UNROLL
    for (int c = 0; c < kKeys; c += kUnit) {
      const std::uint32_t word = walk.sight(own, i, c);
      add_spoiled<T>(walk.keys(i), c, spoiled_rows<T>(walk.keys(i), c), word, sum);
    }
    gpu::sync_threads();
    make_finite<kThreads, T>(walk.keys(i));
    make_finite<kThreads, T>(walk.values(i));
    gpu::sync_threads();
  }

  GPU_FUNCTION void start() {
    query.load(query_tile, first);
    grad.load(grad_tile, first);
    own = queries.get(first + gpu::lane() % (16 * RowTiles));
    positions = extent(queries.at(first), 16 * RowTiles);
    GPU_UNROLL
    for (int r = 0; r < RowTiles; ++r) {
      clear(sum[r]);
      GPU_UNROLL
      for (int half = 0; half < 2; ++half) {
        const int row = first + 16 * r + 8 * half + gpu::lane() / 4;
        const bool exists = queries.get(row) != kNoRow;
        log_sum[r][half] = log_sums.get(row);
        shift[r][half] = exists ? shifts.get(row) : 0.0F;
      }
    }
  }

  GPU_FUNCTION void add(int i) {
    Coverage covered = coverage(walk.rule, positions, extent(walk.list(i).at(0), kKeys));
    if (covered == Coverage::none) return;
    if (walk.left(i) < kKeys) covered = Coverage::some;
    GPU_NO_UNROLL
    for (int c = 0; c < kKeys; c += kUnit) {
      const std::uint32_t word = covered == Coverage::all ? ~0U : walk.sight(own, i, c);
      if (covered == Coverage::some && gpu::ballot(word != 0) == 0) continue;
      if constexpr (kSmall) {
        if (walk.tile.end - walk.tile.begin <= first + 16) {
          add_unit<1>(walk.keys(i), walk.values(i), c, word, covered == Coverage::some);
          continue;
        }
      }
      add_unit<RowTiles>(walk.keys(i), walk.values(i), c, word, covered == Coverage::some);
    }
  }

  /// What 32 keys add to the first 16 Count rows.
  template <int Count>
  GPU_FUNCTION void add_unit(const typename Walk::Tile& keys, const typename Walk::Tile& values,
                             int c, std::uint32_t word, bool masked) {
    float score[Count][kUnit / 8][4], slope[Count][kUnit / 8][4];
    multiply_rows<T, D / 16>(query, keys, c, score);
    multiply_rows<T, D / 16>(grad, values, c, slope);
    if (masked) mask(TileBits<Count>(word), -kInfinity, score);
    const float unit = p.scale * kLog2E;
    GPU_UNROLL
    for (int r = 0; r < Count; ++r) {
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
      std::uint32_t left[Count][4];
      GPU_UNROLL
      for (int r = 0; r < Count; ++r) as_left<T>(score[r][2 * k], score[r][2 * k + 1], left[r]);
      multiply_columns<T>(left, keys, c + 16 * k, sum);
    }
  }

  GPU_FUNCTION void finish() {
    const GroupRows<T> to(p.grad_query, walk.place);
    const float factor[2] = {p.scale, p.scale};
    gpu::sync_warp();  // all lanes have read the rows of queries that now become the stage
    GPU_UNROLL
    for (int r = 0; r < RowTiles; ++r) {
      scatter<T>(sum[r], factor, query_tile, first + 16 * r, queries, walk.pieces, to);
    }
  }

  const QueryTile query_tile{0}, grad_tile{kGradAt};
  const QueryList queries{kQueryListAt}, seeing{kSeeingAt};
  const QueryNumbers log_sums{kLseAt}, shifts{kShiftAt};
  const Params& p;
  const Walk walk;
  const int first;   // of this warp's rows in the tile
  std::int32_t own;  // this lane's row, when lanes stand for rows
  Extent positions;  // of this warp's rows
  OwnRows<QueryTile, RowTiles, D / 16, kHeld> query, grad;
  float sum[RowTiles][D / 8][4];
  float log_sum[RowTiles][2], shift[RowTiles][2];
};

}  // namespace attnlab::cuda
