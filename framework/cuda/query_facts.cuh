/// query_facts.cuh: what backward_key.cuh must know of each query.
#pragma once

#include "framework/cuda/tile.cuh"

namespace attnlab::cuda {

/// One of them. A row that sees no key is as good as none: weights of exp2(-inf) = 0, shift 0.
struct QueryFact {
  std::int32_t row;
  float number;  // logarithm of the sum of weights, base 2; or the shift
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
  /// Thread i notes query i, thread Count + i its shift.
  template <int Threads>
  GPU_FUNCTION void note(const QueryFact& fact) const {
    const int thread = gpu::opaque(gpu::thread()), i = thread % Count;
    if (Threads > 2 * Count && thread >= 2 * Count) return;
    if (thread >= Count) return shifts().set(i, fact.number);
    rows().set(i, fact.row);
    log_sums().set(i, fact.number);
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
