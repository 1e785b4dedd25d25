/// plain_forward.cuh: forward.cuh in float32, see plain.cuh.
#pragma once

#include "framework/cuda/plain.cuh"

namespace attnlab::cuda {

template <int D>
class PlainForward : Plain<D> {
  using Base = Plain<D>;
  using Own = typename Base::OwnTile;
  using Other = typename Base::OtherTile;
  static constexpr std::uint32_t kKeyAt = Own::kBytes, kValueAt = kKeyAt + Other::kBytes;
  static constexpr std::uint32_t kWeightAt = kValueAt + Other::kBytes;
  static constexpr std::uint32_t kQueryListAt = kWeightAt + Base::Weights::kBytes;
  static constexpr std::uint32_t kKeyListAt = kQueryListAt + Base::OwnList::kBytes;
  static constexpr std::uint32_t kBitsAt = kKeyListAt + Base::OtherList::kBytes;

 public:
  using Params = ForwardParams;
  static constexpr int kThreads = kPlainThreads, kBlocks = 1;
  static constexpr std::uint32_t kSharedBytes = kBitsAt + Base::Bits::kBytes;

  static GPU_FUNCTION void run(const Params& p) {
    const TileItem tile = gpu::load(p.tiles.items + gpu::block());
    if (tile.group < 0) return;
    bool careful = false;
    GPU_NO_UNROLL
    while (!PlainForward(p, tile).work(careful)) careful = true;
  }

 private:
  GPU_FUNCTION PlainForward(const Params& params, const TileItem& item)
      : p(params),
        tile(item),
        rule(params.plan),
        group(params.plan, item.group),
        marks(params.plan, item.group) {}

  /// Whether it is done; else the tile needs care.
  GPU_FUNCTION bool work(bool careful) {
    const GroupPlace place(p.plan.heads, tile.group);
    const Range range{tile.other_begin, tile.other_end};
    Base::clear_sums(sums);
    GPU_UNROLL
    for (int i = 0; i < Base::kRows; ++i) largest[i] = -kInfinity, total[i] = {};
    Base::list(group.query_rows, tile.begin, tile.end, queries);
    gpu::sync_threads();
    Base::gather(GroupRows<float>(p.query, place), queries, p.head_dim, query);
    GPU_NO_UNROLL
    for (std::int32_t begin = range.begin; begin < range.end; begin += Base::kOther) {
      gpu::sync_threads();
      Base::list(group.key_rows, begin, range.end, keys);
      gpu::sync_threads();
      Base::gather(GroupRows<float>(p.key, place), keys, p.head_dim, key);
      Base::gather(GroupRows<float>(p.value, place), keys, p.head_dim, value);
      gpu::sync_threads();
      typename Base::Scores scores;
      Base::multiply_rows(query, key, scores);
      Base::template mask<false>(rule, marks, queries, Base::kOwn, keys, bits, scores);
      GPU_UNROLL
      for (int i = 0; i < Base::kRows; ++i) soften(i, scores[i]);
      Base::share(scores, weights);
      gpu::sync_threads();
      Base::add_rows(weights, value, careful, sums);
    }
    if (!careful && gpu::any_thread(!Base::all_finite(sums))) return false;
    finish();
    return true;
  }

  GPU_FUNCTION void soften(int i, float (&scores)[Base::kColumns]) {
    float now = largest[i];
    GPU_UNROLL
    for (int j = 0; j < Base::kColumns; ++j) {
      scores[j] *= p.scale;
      now = gpu::larger(now, scores[j]);
    }
    GPU_UNROLL
    for (int step = 1; step < 16; step *= 2) now = gpu::larger(now, gpu::shuffle_xor(now, step));
    const float base = now == -kInfinity ? 0 : now;  // no key yet: avoids inf - inf
    const float shrink = gpu::exp_exact(largest[i] - base);
    largest[i] = now;
    total[i].scale(shrink);
    float part = 0;
    GPU_UNROLL
    for (int j = 0; j < Base::kColumns; ++j) {
      scores[j] = gpu::exp_exact(scores[j] - base);
      part += scores[j];
    }
    total[i].add(part);
    GPU_UNROLL
    for (int k = 0; k < Base::kDepth; ++k) sums[i][k].scale(shrink);
  }

  GPU_FUNCTION void finish() {
    gpu::sync_threads();
    GPU_UNROLL
    for (int i = 0; i < Base::kRows; ++i) {
      float all = total[i].value();
      GPU_UNROLL
      for (int step = 1; step < 16; step *= 2) all += gpu::shuffle_xor(all, step);
      const std::int32_t row = queries.get(Base::ty() + 16 * i);
      if (row == kNoRow) continue;
      Base::write(sums, i, all == 0 ? 0 : 1 / all,
                  GroupRows<float>(p.out, GroupPlace(p.plan.heads, tile.group)).row(row),
                  p.head_dim);
      if (Base::tx() != 0) continue;
      const std::int64_t place = tile.group * p.plan.length + row;
      gpu::store(p.lse + place, all == 0 ? -kInfinity : largest[i] + gpu::log_exact(all));
      gpu::store(p.largest + place, largest[i]);
      gpu::store(p.total + place, all);
    }
  }

  const Own query{0};
  const Other key{kKeyAt}, value{kValueAt};
  const typename Base::Weights weights{kWeightAt};
  const typename Base::OwnList queries{kQueryListAt};
  const typename Base::OtherList keys{kKeyListAt};
  const typename Base::Bits bits{kBitsAt};
  const Params& p;
  const TileItem tile;
  const Rule rule;
  const GroupPlan group;
  const GroupMarks marks;
  typename Base::Sums sums;
  float largest[Base::kRows];
  CompensatedSum total[Base::kRows];
};

}  // namespace attnlab::cuda
