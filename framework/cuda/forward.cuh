/// forward.cuh: out[t] = sum_s p[t,s] v[s], p = softmax of scale q[t].k[s] over the plan's pairs.
///   A block owns one tile of packed queries of one segment and walks over the keys that the
///   segment may see. Rows are gathered by asynchronous copies, one tile of keys ahead; a warp owns
///   16 RowTiles query rows, keeps them in registers, and the scores never leave registers.
///   Online softmax (Milakov and Gimelshein 2018), as FlashAttention-2 (Dao 2023) orders it.
#pragma once

#include "framework/cuda/key_walk.cuh"

namespace attnlab::cuda {

/// Warps x 16 RowTiles queries per block, Keys keys a tile. With small tiles a warp that has at
/// most 16 queries computes no more.
template <class T, int D, int Warps, int RowTiles, int Keys = 64, bool Careful = false>
class Forward {
 public:
  using Params = ForwardParams;
  static constexpr int kThreads = Warps * kWarp;
  static constexpr int kBlocks = D <= 64 ? 8 / Warps : 1;
  static constexpr int kQueries = Warps * 16 * RowTiles;
  static constexpr int kKeys = Keys;
  static constexpr int kSteps = 1;  // of the innermost loop, a tile

 private:
  static constexpr bool kSmall = kKeys == 32 && RowTiles > 1;
  /// Steps that the registers have room for.
  static constexpr int kHeld = D == 64 && !kSmall ? 2 : D / 16;
  using QueryTile = SharedTile<D, kQueries>;
  using QueryList = SharedList<std::int32_t, kQueries>;
  using Walk = KeyWalk<T, D, kThreads, kKeys, QueryTile::kBytes>;
  static constexpr std::uint32_t kQueryListAt = Walk::kEnd;

 public:
  static constexpr std::uint32_t kSharedBytes = kQueryListAt + QueryList::kBytes;

  static GPU_FUNCTION void run(const Params& p) {
    const TileItem tile = gpu::load(p.tiles.items + gpu::block());
    if (tile.group >= 0) Forward(p, tile).work();
  }
  /// A function of its own, so that registers are shared out as if it were not there.
  static GPU_NO_INLINE void run_carefully(const Params& p) {
    Forward(p, gpu::load(p.tiles.items + gpu::block())).work();
  }

 private:
  GPU_FUNCTION Forward(const Params& params, const TileItem& tile)
      : p(params), walk(params, tile), first(gpu::warp() * 16 * RowTiles) {}

  GPU_FUNCTION void work() {
    static_assert(kQueries <= kThreads);
    const auto keys = walk.first_numbers();
    const std::int32_t at = walk.tile.begin + gpu::thread();
    const std::int32_t row = at < walk.tile.end ? gpu::load(walk.group.query_rows + at) : kNoRow;
    walk.list_first(keys);
    if (gpu::thread() < kQueries) queries.set(gpu::thread(), row);
    gpu::sync_threads();
    gather<kThreads>(GroupRows<T>(p.query, walk.place), queries, walk.pieces, query_tile);
    walk.run([&] { start(); }, [&] { query.load(query_tile, first); },
             [&](int i) {
               if constexpr (Careful) keep_out(i);
               add(i);
             });
    if constexpr (!Careful) {
      if (gpu::any_thread(!all_finite(sum))) {
        return Forward<T, D, Warps, RowTiles, Keys, true>::run_carefully(p);
      }
    }
    finish();
  }

  /// What is not finite among the values of tile i goes to the queries that see it, and nowhere
  /// else.
  GPU_FUNCTION void keep_out(int i) {
    GPU_NO_UNROLL
    for (int c = 0; c < kKeys; c += kWarp) {
      const std::uint32_t word = walk.sight(own, i, c);
      add_spoiled<T>(walk.values(i), c, spoiled_rows<T>(walk.values(i), c), word, sum);
    }
    gpu::sync_threads();
    make_finite<kThreads, T>(walk.values(i));
    gpu::sync_threads();
  }

  GPU_FUNCTION void start() {
    own = queries.get(first + gpu::lane() % (16 * RowTiles));
    positions = extent(queries.at(first), 16 * RowTiles);
    GPU_UNROLL
    for (int r = 0; r < RowTiles; ++r) {
      clear(sum[r]);
      GPU_UNROLL
      for (int half = 0; half < 2; ++half) largest[r][half] = -kInfinity, total[r][half] = 0;
    }
  }

  /// What key tile i adds to this warp's rows.
  GPU_FUNCTION void add(int i) {
    Coverage covered = coverage(walk.rule, positions, extent(walk.list(i).at(0), kKeys));
    if (covered == Coverage::none) return;
    if (walk.left(i) < kKeys) covered = Coverage::some;
    if constexpr (kSmall) {
      if (walk.tile.end - walk.tile.begin <= first + 16) return add_rows<1>(i, covered);
    }
    add_rows<RowTiles>(i, covered);
  }
  /// The same for the first 16 Count rows alone.
  template <int Count>
  GPU_FUNCTION void add_rows(int i, Coverage covered) {
    float score[Count][kKeys / 8][4];
    multiply_rows<T, D / 16>(query, walk.keys(i), 0, score);
    if (covered == Coverage::some) {
      GPU_UNROLL
      for (int c = 0; c < kKeys; c += 32) {
        mask(TileBits<Count>(walk.sight(own, i, c)), -kInfinity, score, c / 8);
      }
    }
    GPU_UNROLL
    for (int r = 0; r < Count; ++r) {
      GPU_UNROLL
      for (int half = 0; half < 2; ++half) soften(r, half, score[r]);
    }
    add_values(walk.values(i), score);
  }

  /// One step of the online softmax for one of this thread's rows: scores become weights. A NaN
  /// stays one.
  GPU_FUNCTION void soften(int r, int half, float (&score)[kKeys / 8][4]) {
    float now = largest[r][half];
    GPU_UNROLL
    for (int n = 0; n < kKeys / 8; ++n) {
      now = gpu::larger(now, gpu::larger(score[n][2 * half], score[n][2 * half + 1]));
    }
    now = gpu::larger(now, gpu::shuffle_xor(now, 1));
    now = gpu::larger(now, gpu::shuffle_xor(now, 2));
    const float unit = p.scale * kLog2E;
    const float base = now == -kInfinity ? 0 : now * unit;  // no key yet: avoids inf - inf
    const float shrink = gpu::exp2_fast(gpu::multiply_add(largest[r][half], unit, -base));
    largest[r][half] = now;
    float added = 0;
    GPU_UNROLL
    for (int n = 0; n < kKeys / 8; ++n) {
      GPU_UNROLL
      for (int i = 2 * half; i < 2 * half + 2; ++i) {
        score[n][i] = gpu::exp2_fast(gpu::multiply_add(score[n][i], unit, -base));
        added += score[n][i];
      }
    }
    total[r][half] = gpu::multiply_add(total[r][half], shrink, added);
    GPU_UNROLL
    for (int n = 0; n < D / 8; ++n) {
      sum[r][n][2 * half] *= shrink;
      sum[r][n][2 * half + 1] *= shrink;
    }
  }

  template <int Count>
  GPU_FUNCTION void add_values(const typename Walk::Tile& values,
                               const float (&weight)[Count][kKeys / 8][4]) {
    GPU_UNROLL
    for (int k = 0; k < kKeys / 16; ++k) {
      std::uint32_t left[Count][4];
      GPU_UNROLL
      for (int r = 0; r < Count; ++r) {
        as_left<T>(weight[r][2 * k], weight[r][2 * k + 1], left[r]);
      }
      multiply_columns<T>(left, values, 16 * k, sum);
    }
  }

  GPU_FUNCTION void finish() {
    const GroupRows<T> out(p.out, walk.place);
    gpu::sync_warp();  // all lanes have read the rows of queries that now become the stage
    GPU_UNROLL
    for (int r = 0; r < RowTiles; ++r) {
      float factor[2];
      GPU_UNROLL
      for (int half = 0; half < 2; ++half) {
        float all = total[r][half] + gpu::shuffle_xor(total[r][half], 1);
        all += gpu::shuffle_xor(all, 2);
        factor[half] = all == 0 ? 0 : 1 / all;
        const std::int32_t row = queries.get(first + 16 * r + 8 * half + gpu::lane() / 4);
        if (row != kNoRow && gpu::lane() % 4 == 0) {
          const float lse =
              all == 0 ? -kInfinity : largest[r][half] * p.scale + gpu::log_exact(all);
          gpu::store(p.lse + walk.tile.group * p.plan.length + row, lse);
        }
      }
      scatter<T>(sum[r], factor, query_tile, first + 16 * r, queries, walk.pieces, out);
    }
  }

  const QueryTile query_tile{0};
  const QueryList queries{kQueryListAt};
  const Params& p;
  const Walk walk;
  const int first;   // of this warp's rows in the tile
  std::int32_t own;  // this lane's row, when lanes stand for rows
  Extent positions;  // of this warp's rows
  OwnRows<QueryTile, RowTiles, D / 16, kHeld> query;
  float sum[RowTiles][D / 8][4];
  float largest[RowTiles][2], total[RowTiles][2];
};

}  // namespace attnlab::cuda
