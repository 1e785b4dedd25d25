/// group_backward_key.cuh: backward_key.cuh's sums by products of warpgroups, compute
/// capability 9.0 only.
///   A block stays and takes tiles of 128 packed keys; two of its warpgroups own 64 each, the third
///   gathers queries (query_supply.cuh). Scores are held as [keys, queries], so that weights and dS
///   are left operands. Weights are made under the slopes' product, dS under that of weights and
///   grad_out; the scores of the next tile are multiplied together with dS and the queries of this
///   one. At D = 128 the sums alone take 128 registers, so that queries come 32 at a time and most
///   of the keys stay in shared memory.
#pragma once

#include "framework/cuda/careful_rows.cuh"
#include "framework/cuda/query_supply.cuh"

namespace attnlab::cuda {

template <class T, int D>
class GroupBackwardKey {
 public:
  using Params = BackwardParams;
  static constexpr int kConsumers = 2;
  static constexpr int kThreads = (kConsumers + 1) * kWarpgroup, kBlocks = 1;
  static constexpr int kKeys = kConsumers * 64;
  static constexpr int kQueries = D <= 64 ? 64 : 32;
  static constexpr int kSteps = 1;  // of the innermost loop, a tile

 private:
  using Supply = QuerySupply<T, D, kKeys, kQueries, 4, kConsumers>;
  // Steps of the keys' depth whose left operands registers have room for.
  static constexpr int kHeld = D <= 64 ? D / 16 : 3;

 public:
  static constexpr std::uint32_t kSharedBytes = Supply::kEnd;

  static GPU_FUNCTION void run(const Params& p) {
#if GPU_HOPPER
    Supply::init();
    if (gpu::warpgroup() == kConsumers) {
      gpu::give_registers_up<kProducerRegisters>();
      Supply::produce(p);
    } else {
      gpu::take_registers<kConsumerRegisters>();
      GroupBackwardKey(p).consume();
    }
#endif
  }

 private:
  explicit GPU_FUNCTION GroupBackwardKey(const Params& params) : p(params) {}

  GPU_FUNCTION void consume() {
    GPU_NO_UNROLL
    for (; gpu::block() + turn * gpu::blocks() < gpu::load(p.key_tiles.count); ++turn) {
      Supply::own_ring().wait_full({place(), turn / 2 % 2});
      start();
      if (find()) {
        first_scores();
        int before = -1;
        GPU_NO_UNROLL
        for (;;) {
          weights_and_slopes(before);
          before = stage;
          if (!find()) break;
          queries_and_next_scores(before);
        }
        last_queries(before);
      }
      finish();
      Supply::own_ring().release(place());
    }
  }

  /// Of the tile of keys: it has one of two by turns. The turn is all that registers hold of it.
  [[nodiscard]] GPU_FUNCTION int place() const { return turn % 2; }
  GPU_FUNCTION void start() {
    GPU_UNROLL
    for (int k = 0; k < kHeld; ++k) {
      Supply::own_keys(place()).left(gpu::opaque(gpu::warp() * 16), k, key[k]);
    }
    clear(sum_key);
    clear(sum_value);
  }
  // Registers are short: values stay in shared memory, and what only some tiles need too. Opaque,
  // so that what is made of it is not kept.
  static GPU_FUNCTION int first_row() { return gpu::opaque(gpu::warpgroup() * 64); }
  static GPU_FUNCTION int row_of(int half) {
    return gpu::opaque(gpu::thread()) / 4 % 8 + gpu::opaque(gpu::thread()) / kWarp * 16 + 8 * half;
  }

  /// The next tile of queries of which some see some of this warpgroup's keys; false: there is
  /// none.
  GPU_FUNCTION bool find() {
    const int first = gpu::warpgroup() * 64;
    GPU_NO_UNROLL
    for (;;) {
      Supply::ring().wait_full(at);
      stage = at.stage;
      at.advance();
      const std::int32_t seen = Supply::seen().get(stage);
      if (seen > first) {
        covered = coverage(Rule(p.plan), Supply::extents(stage).get(0, SharedExtents::kParts),
                           Supply::own_extents(place()).get(gpu::warpgroup() * 2, 2));
        if (covered != Coverage::none) {
          if (seen < first + 64) covered = Coverage::some;
          gpu::fence_proxy();
          return true;
        }
      }
      const bool last = seen == 0;
      Supply::ring().release(stage);
      if (last) return false;
    }
  }

  // Groups of products, in order: weights of a tile, scores of the next, queries of the one before
  // that (at first none), slopes.
  GPU_FUNCTION void first_scores() {
    gpu::products_fence(key, sum_key, sum_value);  // sums: zeros, now
    multiply_scores();
    gpu::products_commit();
    gpu::products_commit();
  }
  GPU_FUNCTION void multiply_scores() {
    multiply_held<T>(key, Supply::own_keys(place()), first_row(), Supply::queries(stage), score);
  }
  // One function with a test for tiles with and without masks: where two that leave a product under
  // way meet, ptxas 13.0 runs products one by one (C7515).
  GPU_FUNCTION void weights_and_slopes(int before) {
    gpu::products_fence();
    multiply_tiles<T>(Supply::own_values(place()), first_row(), Supply::grads(stage), slope);
    gpu::products_commit();
    gpu::products_wait<2>(score, weights);
    if (covered == Coverage::some) mask_scores();
    const auto facts = Supply::facts(stage);
    const float unit = p.scale * kLog2E;
    GPU_UNROLL
    for (int n = 0; n < kQueries / 8; ++n) {
      const auto log_sum = facts.log_sums_of(8 * n + gpu::lane() % 4 * 2);
      GPU_UNROLL
      for (int e = 0; e < 4; ++e) {
        const float base = e % 2 == 0 ? log_sum.one : log_sum.two;
        score[n][e] = gpu::exp2_fast(gpu::multiply_add(score[n][e], unit, -base));
      }
    }
    gpu::wait_until_known(score);
    gpu::products_wait<0>(slope, ds, sum_key, sum_value);
    all_as_left<T>(score, weights);
    gpu::products_fence(weights, sum_value);
    multiply_columns_of<T>(weights, Supply::grads(stage), sum_value);
    gpu::products_commit();
    if (before >= 0) Supply::ring().release(before);
    // Not into `slope`: ptxas runs products one by one where others write sums beside them.
    GPU_UNROLL
    for (int n = 0; n < kQueries / 8; ++n) {
      const auto shift = facts.shifts_of(8 * n + gpu::lane() % 4 * 2);
      GPU_UNROLL
      for (int half = 0; half < 2; ++half) {
        const int e = 2 * half;
        ds[n / 2][n % 2 * 2 + half] = gpu::pack<T>(score[n][e] * (slope[n][e] - shift.one),
                                                   score[n][e + 1] * (slope[n][e + 1] - shift.two));
      }
    }
  }
  GPU_FUNCTION void queries_and_next_scores(int before) {
    gpu::products_fence(key, ds, sum_key);
    multiply_scores();
    gpu::products_commit();
    multiply_columns_of<T>(ds, Supply::queries(before), sum_key);
    gpu::products_commit();
  }
  GPU_FUNCTION void last_queries(int before) {
    gpu::products_fence(ds, sum_key);
    multiply_columns_of<T>(ds, Supply::queries(before), sum_key);
    gpu::products_commit();
    gpu::products_wait<0>(ds, weights, sum_key, sum_value);
    Supply::ring().release(before);
  }

  GPU_FUNCTION void mask_scores() {
    const std::int32_t seen = Supply::seen().get(stage);
    std::int32_t keys[2];
    GPU_UNROLL
    for (int half = 0; half < 2; ++half) {
      keys[half] = row_of(half) < seen ? Supply::own_list(place()).get(row_of(half)) : kNoRow;
    }
    const std::int32_t group = Supply::item(place()).group;
    mask_pairs<kQueries, true>(Rule(p.plan), p.plan, group, Supply::facts(stage).rows(), keys,
                               score);
  }

  GPU_FUNCTION void finish() {
    const TileItem item = Supply::item(place());
    std::int32_t places[2];  // of this lane's two among the packed keys
    GPU_UNROLL
    for (int half = 0; half < 2; ++half) {
      places[half] = item.begin + row_of(half) < item.end ? item.begin + row_of(half) : kNoRow;
    }
    const float poison[2] = {poison_of(sum_key, 0) + poison_of(sum_value, 0),
                             poison_of(sum_key, 1) + poison_of(sum_value, 1)};
    p.packed_grad_key != nullptr ? write_sums_packed(item, places) : write_sums(item, places);
    gpu::sync_warp();  // rows that are written twice: the careful sums last
    for_spoiled_rows(poison, places, [&](std::int32_t at) { key_carefully<T, D>(p, item, at); });
  }
  GPU_FUNCTION void write_sums_packed(const TileItem& item, const std::int32_t (&places)[2]) {
    const std::int64_t first = item.group * p.plan.keys * p.head_dim;
    write_packed(sum_key, p.scale, places, p.head_dim, p.packed_grad_key + first);
    write_packed(sum_value, 1, places, p.head_dim, p.packed_grad_value + first);
  }
  GPU_FUNCTION void write_sums(const TileItem& item, const std::int32_t (&places)[2]) {
    std::int32_t rows[2];
    GPU_UNROLL
    for (int half = 0; half < 2; ++half) {
      rows[half] = places[half] == kNoRow ? kNoRow : Supply::own_list(place()).get(row_of(half));
    }
    const GroupPlace group(p.plan.heads, item.group);
    const float scale[2] = {p.scale, p.scale}, one[2] = {1, 1};
    const int pieces = p.head_dim / 8;
    write_rows<T, D>(sum_key, scale, rows, pieces, GroupRows<T>(p.grad_key, group));
    write_rows<T, D>(sum_value, one, rows, pieces, GroupRows<T>(p.grad_value, group));
  }

  const Params& p;
  int turn = 0;                       // how many tiles of keys came before this one
  typename Supply::Places::Place at;  // of the next tile of queries
  int stage = 0;                      // of the tile that was found, and
  Coverage covered{};                 // which of its pairs attend
  std::uint32_t key[kHeld][4], weights[kQueries / 16][4], ds[kQueries / 16][4];
  float score[kQueries / 8][4], slope[kQueries / 8][4], sum_key[D / 8][4], sum_value[D / 8][4];
};

}  // namespace attnlab::cuda
