/// group_forward.cuh: forward.cuh's sums by products of warpgroups, compute capability 9.0 only.
///   A block stays and takes tiles of 128 queries from the list. Of its three warpgroups one
///   gathers rows (key_supply.cuh), two own 64 queries each. These hold queries, scores and weights
///   in registers; the scores of one tile of keys are multiplied while the weights of the one
///   before are multiplied with their values, and made to weights under the latter. Masks are
///   looked at in tiles that need them, in a loop of their own. After FlashAttention-3 (Shah et al.
///   2024).
#pragma once

#include "framework/cuda/careful_rows.cuh"
#include "framework/cuda/key_supply.cuh"

namespace attnlab::cuda {

template <class T, int D>
class GroupForward {
 public:
  using Params = ForwardParams;
  static constexpr int kConsumers = 2;
  static constexpr int kThreads = (kConsumers + 1) * kWarpgroup, kBlocks = 1;
  static constexpr int kQueries = kConsumers * 64;
  static constexpr int kKeys = D <= 64 ? 128 : 64;
  static constexpr int kSteps = 1;  // of the innermost loop, a tile

 private:
  using Supply = KeySupply<T, D, 1, kQueries, kKeys, 4, kConsumers>;

 public:
  static constexpr std::uint32_t kSharedBytes = Supply::kEnd;

  static GPU_FUNCTION void run(const Params& p) {
#if GPU_HOPPER
    Supply::init();
    if (gpu::warpgroup() == kConsumers) {
      gpu::give_registers_up<kProducerRegisters>();
      Supply::produce(p, p.tiles, {p.query});
    } else {
      gpu::take_registers<kConsumerRegisters>();
      GroupForward(p).consume();
    }
#endif
  }

 private:
  explicit GPU_FUNCTION GroupForward(const Params& params) : p(params), rule(params.plan) {}

  GPU_FUNCTION void consume() {
    typename Supply::OwnPlaces::Place own_at;
    const std::int32_t count = gpu::load(p.tiles.count);
    GPU_NO_UNROLL
    for (auto i = static_cast<std::int32_t>(gpu::block()); i < count;
         i += static_cast<std::int32_t>(gpu::blocks())) {
      start(own_at);
      own_at.advance();
      if (seeker.find(rule)) {
        first_tile();
        GPU_NO_UNROLL
        for (;;) {
          bool found = seeker.find(rule);
          for (; found && seeker.covered == Coverage::all; found = seeker.find(rule)) step<false>();
          if (!found) break;
          step<true>();
        }
        last_values();
      }
      finish();
    }
  }

  GPU_FUNCTION void start(const typename Supply::OwnPlaces::Place& own_at) {
    Supply::own_ring().wait_full(own_at);
    seeker.start();
    const int first = gpu::warp() * 16;
    GPU_UNROLL
    for (int half = 0; half < 2; ++half) {
      rows[half] = Supply::own_list().get(first + 8 * half + gpu::lane() / 4);
      largest[half] = -kInfinity;
      total[half] = 0;
    }
    GPU_UNROLL
    for (int k = 0; k < D / 16; ++k) Supply::own(0).left(first, k, query[k]);
    Supply::own_ring().release(0);
    clear(sum);
  }

  GPU_FUNCTION void first_tile() {
    gpu::products_fence(score, query);
    multiply_rows_of<T>(query, Supply::keys(seeker.stage), 0, score);
    gpu::products_commit();
    gpu::products_wait<0>(score);
    if (seeker.covered == Coverage::some) mask_scores();
    float shrink[2];
    soften(shrink);
    all_as_left<T>(score, weights);
    held = seeker.stage;
  }
  /// The scores of a tile beside the values of the one before.
  template <bool Masked>
  GPU_FUNCTION void step() {
    gpu::products_fence(score, query, weights, sum);
    multiply_rows_of<T>(query, Supply::keys(seeker.stage), 0, score);
    gpu::products_commit();
    multiply_columns_of<T>(weights, Supply::values(held), sum);
    gpu::products_commit();
    gpu::products_wait<1>(score);
    if constexpr (Masked) mask_scores();
    float shrink[2];
    soften(shrink);
    gpu::wait_until_known(score);  // while values are multiplied
    gpu::products_wait<0>(sum, weights);
    Supply::ring().release(held);
    held = seeker.stage;
    GPU_UNROLL
    for (int n = 0; n < D / 8; ++n) {
      GPU_UNROLL
      for (int i = 0; i < 4; ++i) sum[n][i] *= shrink[i / 2];
    }
    all_as_left<T>(score, weights);
  }
  GPU_FUNCTION void last_values() {
    gpu::products_fence(weights, sum);
    multiply_columns_of<T>(weights, Supply::values(held), sum);
    gpu::products_commit();
    gpu::products_wait<0>(sum, weights);
    Supply::ring().release(held);
  }

  GPU_FUNCTION void mask_scores() {
    const auto list = Supply::list(seeker.stage);
    mask_pairs<kKeys, false>(rule, p.plan, seeker.record.group, list, rows, score);
  }

  /// The online softmax of this lane's part of two rows: scores become weights; what was summed up
  /// so far shrinks. A NaN stays one.
  GPU_FUNCTION void soften(float (&shrink)[2]) {
    const float unit = p.scale * kLog2E;
    GPU_UNROLL
    for (int half = 0; half < 2; ++half) {
      float now = largest[half];
      GPU_UNROLL
      for (int n = 0; n < kKeys / 8; ++n) {
        now = gpu::larger(now, gpu::larger(score[n][2 * half], score[n][2 * half + 1]));
      }
      now = gpu::larger(now, gpu::shuffle_xor(now, 1));
      now = gpu::larger(now, gpu::shuffle_xor(now, 2));
      const float base = now == -kInfinity ? 0 : now * unit;  // no key yet: avoids inf - inf
      shrink[half] = gpu::exp2_fast(gpu::multiply_add(largest[half], unit, -base));
      largest[half] = now;
      float added = 0;
      GPU_UNROLL
      for (int n = 0; n < kKeys / 8; ++n) {
        GPU_UNROLL
        for (int i = 2 * half; i < 2 * half + 2; ++i) {
          score[n][i] = gpu::exp2_fast(gpu::multiply_add(score[n][i], unit, -base));
          added += score[n][i];
        }
      }
      total[half] = gpu::multiply_add(total[half], shrink[half], added);
    }
  }

  GPU_FUNCTION void finish() {
    const auto& record = seeker.record;
    const auto again = [&](std::int32_t row) {
      attend_carefully<T, D>(p, {record.key_begin, record.key_end}, record.group, row);
    };
    for_spoiled_rows({poison_of(sum, 0), poison_of(sum, 1)}, rows, again);
    float factor[2];
    GPU_UNROLL
    for (int half = 0; half < 2; ++half) {
      float all = total[half] + gpu::shuffle_xor(total[half], 1);
      all += gpu::shuffle_xor(all, 2);
      factor[half] = all == 0 ? 0 : 1 / all;
      if (rows[half] == kNoRow || gpu::lane() % 4 != 0) continue;
      const float lse = all == 0 ? -kInfinity : largest[half] * p.scale + gpu::log_exact(all);
      gpu::store(p.lse + record.group * p.plan.length + rows[half], lse);
    }
    const GroupRows<T> out(p.out, GroupPlace(p.plan.heads, record.group));
    write_rows<T, D>(sum, factor, rows, p.head_dim / 8, out);
  }

  const Params& p;
  const Rule rule;
  KeySeeker<Supply> seeker;
  int held = 0;          // stage of the tile whose values are to be added
  std::int32_t rows[2];  // of this lane's sums
  std::uint32_t query[D / 16][4], weights[kKeys / 16][4];
  float score[kKeys / 8][4], sum[D / 8][4];
  float largest[2], total[2];
};

}  // namespace attnlab::cuda
