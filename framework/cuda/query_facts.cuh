/// query_facts.cuh: what a block that walks over queries, backward_key.cuh, must know of each.
#pragma once

#include "framework/cuda/tile.cuh"

namespace attnlab::cuda {

/// A row that sees no key is as good as none.
struct QueryFact {
  std::int32_t row = kNoRow;
  float log_sum = kInfinity;  // base 2; weights of exp2(-inf) = 0
  float shift = 0;
};
struct FactPair {
  float one, two;
};

/// Lists in shared memory.
template <int Count>
struct QueryFacts {
  using Rows = SharedList<std::int32_t, Count>;
  using Numbers = SharedList<float, Count>;
  static constexpr std::uint32_t kBytes = Rows::kBytes + 2 * Numbers::kBytes;
  std::uint32_t base;

  GPU_FUNCTION Rows rows() const { return {base}; }
  GPU_FUNCTION Numbers log_sums() const { return {base + Rows::kBytes}; }
  GPU_FUNCTION Numbers shifts() const { return {base + Rows::kBytes + Numbers::kBytes}; }
  /// Thread i notes query i.
  GPU_FUNCTION void note(const QueryFact& fact) const {
    if (gpu::thread() >= Count) return;
    rows().set(gpu::thread(), fact.row);
    log_sums().set(gpu::thread(), fact.log_sum);
    shifts().set(gpu::thread(), fact.shift);
  }
  /// Of query `at` and the one behind it.
  GPU_FUNCTION FactPair log_sums_of(int at) const {
    return gpu::shared_load<FactPair>(log_sums().at(at));
  }
  GPU_FUNCTION FactPair shifts_of(int at) const {
    return gpu::shared_load<FactPair>(shifts().at(at));
  }

  // Where something is not finite, see not_finite.cuh.
  GPU_FUNCTION bool has_weights(int i) const {
    return log_sums().get(i) * 0 == 0 || rows().get(i) == kNoRow;
  }
  GPU_FUNCTION bool has_slopes(int i) const { return shifts().get(i) * 0 == 0; }
  /// Queries without weights or slopes get those of none. Between barriers.
  GPU_FUNCTION void make_finite() const {
    const int i = gpu::thread();
    if (i >= Count) return;
    if (!has_weights(i)) log_sums().set(i, kInfinity);
    if (!has_slopes(i)) shifts().set(i, 0);
  }
};

}  // namespace attnlab::cuda
