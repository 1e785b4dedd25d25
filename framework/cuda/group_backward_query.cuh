/// group_backward_query.cuh: backward_query.cuh's sums by products of warpgroups, compute
/// capability 9.0
///   only; blocks and tiles as in group_forward.cuh. A tile of keys takes three products: scores,
///   slopes grad_out v, and what both make of the keys. Weights are made of scores under the slopes
///   of the same tile; the scores of the next tile are multiplied together with the keys of this
///   one. At D = 128 a tile has 32 keys, so that queries and grad_out stay in registers.
#pragma once

#include "framework/cuda/careful_rows.cuh"
#include "framework/cuda/key_supply.cuh"

namespace attnlab::cuda {

template <class T, int D>
class GroupBackwardQuery {
 public:
  using Params = BackwardParams;
  static constexpr int kConsumers = 2;
  static constexpr int kThreads = (kConsumers + 1) * kWarpgroup, kBlocks = 1;
  static constexpr int kQueries = kConsumers * 64;
  static constexpr int kKeys = D <= 64 ? 64 : 32;
  static constexpr int kSteps = 1;  // of the innermost loop, a tile

 private:
  using Supply = KeySupply<T, D, 3, kQueries, kKeys, 4, kConsumers>;

 public:
  static constexpr std::uint32_t kSharedBytes = Supply::kEnd;

  static GPU_FUNCTION void run(const Params& p) {
#if GPU_HOPPER
    Supply::init();
    if (gpu::warpgroup() == kConsumers) {
      gpu::give_registers_up<kProducerRegisters>();
      Supply::produce(p, p.query_tiles, {p.query, p.grad_out, p.out});
    } else {
      gpu::take_registers<kConsumerRegisters>();
      GroupBackwardQuery(p).consume();
    }
#endif
  }

 private:
  explicit GPU_FUNCTION GroupBackwardQuery(const Params& params) : p(params), rule(params.plan) {}

  GPU_FUNCTION void consume() {
    typename Supply::OwnPlaces::Place own_at;
    const std::int32_t count = gpu::load(p.query_tiles.count);
    GPU_NO_UNROLL
    for (auto i = static_cast<std::int32_t>(gpu::block()); i < count;
         i += static_cast<std::int32_t>(gpu::blocks())) {
      start(own_at);
      own_at.advance();
      if (seeker.find(rule)) {
        first_scores();
        int before = -1;
        GPU_NO_UNROLL
        for (;;) {
          seeker.covered == Coverage::all ? slopes<false>() : slopes<true>();
          if (before >= 0) Supply::ring().release(before);
          before = seeker.stage;
          if (!seeker.find(rule)) break;
          keys_and_next_scores(before);
        }
        last_keys(before);
      }
      finish();
    }
  }

  GPU_FUNCTION std::int64_t place_of(std::int32_t row) const {
    return seeker.record.group * p.plan.length + row;
  }
  GPU_FUNCTION void start(const typename Supply::OwnPlaces::Place& own_at) {
    Supply::own_ring().wait_full(own_at);
    seeker.start();
    const int first = gpu::opaque(gpu::warp() * 16);
    GPU_UNROLL
    for (int half = 0; half < 2; ++half) {
      rows[half] = Supply::own_list().get(first + 8 * half + gpu::lane() / 4);
      const float lse = rows[half] == kNoRow ? -kInfinity : gpu::load(p.lse + place_of(rows[half]));
      log_sum[half] = lse == -kInfinity ? kInfinity : lse * kLog2E;  // weights of exp2(-inf) = 0
    }
    GPU_UNROLL
    for (int k = 0; k < D / 16; ++k) {
      Supply::own(0).left(first, k, query[k]);
      Supply::own(1).left(first, k, grad[k]);
    }
    gpu::fence_proxy();
    fill_shifts();
    Supply::own_ring().release(0);
    clear(sum);
  }
  /// grad_out . out is the diagonal of a product of 64 rows with 64 rows, so that a query with a
  /// single key gets a gradient of exactly 0. The pass over keys needs the shifts too.
  GPU_FUNCTION void fill_shifts() {
    float product[8][4];
    gpu::products_fence(grad);
    multiply_rows_of<T>(grad, Supply::own(2), gpu::warpgroup() * 64, product);
    gpu::products_commit();
    gpu::products_wait<0>(product);
    const int row = gpu::lane() / 4;  // of 8: its column is with lane row / 2 of its four
    GPU_UNROLL
    for (int half = 0; half < 2; ++half) {
      float mine = 0;
      GPU_UNROLL
      for (int n = half; n < 8; n += 2) {
        const float value = row % 2 == 0 ? product[n][2 * half] : product[n][2 * half + 1];
        mine = n == 2 * (gpu::warp() % 4) + half ? value : mine;
      }
      shift[half] = gpu::shuffle(mine, row * 4 + row / 2);
      if (rows[half] == kNoRow) continue;
      const bool sees = log_sum[half] != kInfinity;
      if (sees && p.grad_lse != nullptr)
        shift[half] -= gpu::load(p.grad_lse + place_of(rows[half]));
      if (gpu::lane() % 4 == 0) gpu::store(p.shift + place_of(rows[half]), shift[half]);
    }
  }

  // Groups of products, in order: scores of a tile, keys of the one before (at first none), slopes.
  GPU_FUNCTION void first_scores() {
    gpu::products_fence(score, query);
    multiply_rows_of<T>(query, Supply::keys(seeker.stage), 0, score);
    gpu::products_commit();
    gpu::products_commit();
  }
  /// Scores become weights under the slopes; both become dS.
  template <bool Masked>
  GPU_FUNCTION void slopes() {
    gpu::products_fence(slope, grad);
    multiply_rows_of<T>(grad, Supply::values(seeker.stage), 0, slope);
    gpu::products_commit();
    gpu::products_wait<2>(score);
    if constexpr (Masked) {
      const auto list = Supply::list(seeker.stage);
      mask_pairs<kKeys, false>(rule, p.plan, seeker.record.group, list, rows, score);
    }
    const float unit = p.scale * kLog2E;
    GPU_UNROLL
    for (int e = 0; e < kKeys / 2; ++e) {
      float& x = score[e / 4][e % 4];
      x = gpu::exp2_fast(gpu::multiply_add(x, unit, -log_sum[e % 4 / 2]));
    }
    gpu::wait_until_known(score);
    gpu::products_wait<0>(slope, ds, sum);
    GPU_UNROLL
    for (int e = 0; e < kKeys / 2; ++e) {
      score[e / 4][e % 4] *= slope[e / 4][e % 4] - shift[e % 4 / 2];
    }
    all_as_left<T>(score, ds);
  }
  GPU_FUNCTION void keys_and_next_scores(int stage) {
    gpu::products_fence(score, query, ds, sum);
    multiply_rows_of<T>(query, Supply::keys(seeker.stage), 0, score);
    gpu::products_commit();
    multiply_columns_of<T>(ds, Supply::keys(stage), sum);
    gpu::products_commit();
  }
  GPU_FUNCTION void last_keys(int stage) {
    gpu::products_fence(ds, sum);
    multiply_columns_of<T>(ds, Supply::keys(stage), sum);
    gpu::products_commit();
    gpu::products_wait<0>(ds, sum);
    Supply::ring().release(stage);
  }

  GPU_FUNCTION void finish() {
    const auto& record = seeker.record;
    const auto again = [&](std::int32_t row) {
      query_carefully<T, D>(p, {record.key_begin, record.key_end}, record.group, row);
    };
    for_spoiled_rows({poison_of(sum, 0), poison_of(sum, 1)}, rows, again);
    const float factor[2] = {p.scale, p.scale};
    const GroupRows<T> to(p.grad_query, GroupPlace(p.plan.heads, record.group));
    write_rows<T, D>(sum, factor, rows, p.head_dim / 8, to);
  }

  const Params& p;
  const Rule rule;
  KeySeeker<Supply> seeker;
  std::int32_t rows[2];  // of this lane's sums
  float log_sum[2], shift[2];
  std::uint32_t query[D / 16][4], grad[D / 16][4], ds[kKeys / 16][4];
  float score[kKeys / 8][4], slope[kKeys / 8][4], sum[D / 8][4];
};

}  // namespace attnlab::cuda
