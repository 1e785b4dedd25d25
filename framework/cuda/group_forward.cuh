/// group_forward.cuh: forward.cuh's sums by products of warpgroups, compute capability 9.0 only.
///   A block stays and takes tiles of 128 queries from the list. Of its three warpgroups one gathers
///   rows (key_supply.cuh), two own 64 queries each. These hold queries, scores and weights in
///   registers; the scores of one tile of keys are multiplied while the weights of the one before are
///   multiplied with their values, and made to weights under the latter. Masks are looked at in tiles
///   that need them, in a loop of their own. After FlashAttention-3 (Shah et al. 2024).
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
  using Ring = typename Supply::Places;

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
    for (std::int64_t i = gpu::block(); i < count; i += gpu::blocks()) {
      start(own_at);
      own_at.advance();
      if (find_tile()) {
        first_tile();
        GPU_NO_UNROLL
        for (;;) {
          bool found = find_tile();
          for (; found && covered == Coverage::all; found = find_tile()) step<false>();
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
    record = Supply::record();
    left = record.tiles;
    const auto list = Supply::own_list();
    const int first = gpu::warp() * 16;
    GPU_UNROLL
    for (int half = 0; half < 2; ++half) {
      rows[half] = list.get(first + 8 * half + gpu::lane() / 4);
      largest[half] = -kInfinity;
      total[half] = 0;
    }
    own = list.get(first + gpu::lane() % 16);
    positions = Supply::own_extents().get(gpu::warpgroup() * 2, 2);
    GPU_UNROLL
    for (int k = 0; k < D / 16; ++k) Supply::own(0).left(first, k, query[k]);
    Supply::own_ring().release(0);
    clear(sum);
  }

  /// The next tile that some of this warpgroup's rows see.
  GPU_FUNCTION bool find_tile() {
    GPU_NO_UNROLL
    for (; left > 0; --left) {
      Supply::ring().wait_full(at);
      covered = coverage(rule, positions, Supply::extents(at.stage).get(0, SharedExtents::kParts));
      if (covered != Coverage::none) {
        if (left == 1 && (record.key_end - record.key_begin) % kKeys != 0) covered = Coverage::some;
        stage = at.stage;
        at.advance();
        --left;
        gpu::fence_proxy();
        return true;
      }
      Supply::ring().release(at.stage);
      at.advance();
    }
    return false;
  }

  GPU_FUNCTION void first_tile() {
    gpu::products_fence(score, query);
    multiply_rows_of<T>(query, Supply::keys(stage), 0, score);
    gpu::products_commit();
    gpu::products_wait<0>(score);
    if (covered == Coverage::some) mask_scores();
    float shrink[2];
    soften(shrink);
    all_as_left<T>(score, weights);
    held = stage;
  }
  /// The scores of a tile beside the values of the one before.
  template <bool Masked>
  GPU_FUNCTION void step() {
    gpu::products_fence(score, query, weights, sum);
    multiply_rows_of<T>(query, Supply::keys(stage), 0, score);
    gpu::products_commit();
    multiply_columns_of<T>(weights, Supply::values(held), sum);
    gpu::products_commit();
    gpu::products_wait<1>(score);
    if constexpr (Masked) mask_scores();
    float shrink[2];
    soften(shrink);
    gpu::wait_until_known(total[0] + total[1]);  // while values are multiplied: weights are exps
    gpu::products_wait<0>(sum, weights);
    Supply::ring().release(held);
    held = stage;
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
    const auto list = Supply::list(stage);
    if (rule.more) {
      const GroupMarks marks(p.plan, record.group);
      std::uint32_t words[kKeys / 32] = {};
      GPU_NO_UNROLL
      for (int c = 0; c < kKeys / 32; ++c) {
        const std::uint32_t word = visible<false>(rule, marks, own, list.at(32 * c));
        GPU_UNROLL
        for (int j = 0; j < kKeys / 32; ++j) words[j] = j == c ? word : words[j];
      }
      GPU_UNROLL
      for (int e = 0; e < kKeys / 2; ++e) {
        const int half = e % 4 / 2, bit = e / 4 % 4 * 8 + gpu::lane() % 4 * 2 + e % 2;
        const std::uint32_t word = gpu::shuffle(words[e / 16], 8 * half + gpu::lane() / 4);
        if ((word >> bit & 1) == 0) score[e / 4][e % 4] = -kInfinity;
      }
      return;
    }
    GPU_UNROLL
    for (int n = 0; n < kKeys / 8; ++n) {
      const auto keys = gpu::shared_load<RowPairNumbers>(list.at(8 * n + gpu::lane() % 4 * 2));
      GPU_UNROLL
      for (int i = 0; i < 4; ++i) {
        const std::int32_t key = i % 2 == 0 ? keys.one : keys.two;
        if (key == kNoRow || !is_near(rule, rows[i / 2], key)) score[n][i] = -kInfinity;
      }
    }
  }

  /// The online softmax of this lane's part of two rows: scores become weights; what was summed up so
  /// far shrinks. A NaN stays one.
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
    const Range keys{record.key_begin, record.key_end};
    float factor[2];
    GPU_UNROLL
    for (int half = 0; half < 2; ++half) {
      std::uint32_t spoiled = gpu::ballot(!is_finite(half) && rows[half] != kNoRow);
      GPU_NO_UNROLL
      for (int row = 0; row < 8; ++row, spoiled >>= 4) {
        if ((spoiled & 15) == 0) continue;
        attend_carefully<T, D>(p, keys, record.group, gpu::shuffle(rows[half], row * 4));
        if (gpu::lane() / 4 == row) rows[half] = kNoRow;  // it is written
      }
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
  GPU_FUNCTION bool is_finite(int half) const {
    float poison = 0;
    GPU_UNROLL
    for (int n = 0; n < D / 8; ++n) {
      poison = gpu::multiply_add(sum[n][2 * half], 0.0F, poison);
      poison = gpu::multiply_add(sum[n][2 * half + 1], 0.0F, poison);
    }
    return poison == 0;
  }

  const Params& p;
  const Rule rule;
  typename Supply::Record record;
  typename Ring::Place at;  // of the next tile
  int left;                 // tiles of keys that come yet
  int stage, held;          // of this tile; of the one whose values are to be added
  Coverage covered;         // of this tile
  std::int32_t rows[2];     // of this lane's sums
  std::int32_t own;         // this lane's row, when lanes stand for rows
  Extent positions;         // of this warpgroup's rows
  std::uint32_t query[D / 16][4], weights[kKeys / 16][4];
  float score[kKeys / 8][4], sum[D / 8][4];
  float largest[2], total[2];
};

}  // namespace attnlab::cuda
