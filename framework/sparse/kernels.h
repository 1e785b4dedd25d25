/// kernels.h: the CPU kernels of segment attention, on raw pointers. No LibTorch.
///   A kernel call computes one tile. What two calls add to, they add to in an order that does not
///   depend on threads: results are bit-equal for any thread count.
///   G = B*H groups; T length; D head_dim; the axes of segment_plan.h. All arrays are contiguous.
#pragma once

#include <cstdint>

#include "framework/cuda/attention_params.h"
#include "framework/sparse/row_kernels.h"

namespace attnlab::sparse {

/// SegmentPlan as the kernels take it, on the CPU as on a GPU. Optional arrays are null.
struct PlanView : attnlab::cuda::Plan {
  std::int64_t head_dim = 0;  // D
};

/// 16-bit elements, as bits. They are computed with as float32, widened once per packed tile, or
/// multiplied as they are where the processor can.
struct Bf16 {
  std::uint16_t bits;
};
struct F16 {
  std::uint16_t bits;
};

template <class Element>
struct ComputeOf {
  using Type = float;
};
template <>
struct ComputeOf<double> {
  using Type = double;
};
/// What tensors of `Element` are computed with.
template <class Element>
using Compute = typename ComputeOf<Element>::Type;

/// Packed rows [begin, end) of one group, all in one segment; at most kTile of them.
struct Tile {
  std::int32_t group = 0;
  std::int32_t segment = 0;
  std::int32_t begin = 0;
  std::int32_t end = 0;
};
inline constexpr std::int64_t kTile = 64;

template <class E>
struct ForwardParams {
  using T = Compute<E>;
  PlanView plan;
  const E* query = nullptr;  // [G, T, D]
  const E* key = nullptr;    // [G, T, D]
  const E* value = nullptr;  // [G, T, D]
  T scale = 1;
  E* out = nullptr;      // [G, T, D]; rows of no tile are left as they are
  T* lse = nullptr;      // [G, T]
  T* largest = nullptr;  // [G, T] largest score, and
  T* total = nullptr;    // [G, T] sum of exp(score - largest): 0 where a row sees no key
};

/// Tiles of queries [first, last) of one segment, which sees the first `seen` keys of a key tile.
struct Visit {
  std::int32_t first = 0;
  std::int32_t last = 0;
  std::int32_t seen = 0;
};
/// A tile of keys with its visits [visits_begin, visits_end), queries ascending.
struct KeyTask {
  Tile keys;
  std::int32_t visits_begin = 0;
  std::int32_t visits_end = 0;
};
/// The key tasks that visit a tile of queries: all from first to last, or none where last < first.
struct Visitors {
  std::int32_t first = 0;
  std::int32_t last = -1;
};
/// From how many visitors of a tile on BackwardParams::long_query is needed.
inline constexpr std::int64_t kManyVisitors = 33;

template <class E>
struct BackwardParams {
  using T = Compute<E>;
  PlanView plan;
  const Tile* tiles = nullptr;         // of queries
  const Visitors* visitors = nullptr;  // one a tile
  const KeyTask* tasks = nullptr;
  const Visit* visits = nullptr;
  std::int32_t* turns = nullptr;  // one a tile: the task that may add to its gradient next
  const E* query = nullptr;       // [G, T, D]
  const E* key = nullptr;         // [G, T, D]
  const E* value = nullptr;       // [G, T, D]
  const E* out = nullptr;         // [G, T, D]
  const T* largest = nullptr;     // [G, T]
  const T* total = nullptr;       // [G, T]
  const E* grad_out = nullptr;    // [G, T, D]
  const T* grad_lse = nullptr;    // [G, T] or null
  T scale = 1;
  /// By packed query, from backward_rows: what turns scores into weights and their gradients.
  T* facts = nullptr;  // [3, G, Nq]: largest score, 1/total, sum_d grad_out*out - grad_lse
  /// [G, Nq, padded_dim(D)]: sums of grad_query, from their first visitor on, and earlier parts of
  /// long ones, null where no tile has kManyVisitors.
  T* packed_query = nullptr;
  T* long_query = nullptr;
  E* grad_query = nullptr;  // [G, T, D]
  /// Where no row repeats among a group's packed keys: [G, T, D], each row written once.
  E* grad_key = nullptr;
  E* grad_value = nullptr;
  /// Else: [G, Nk, D], one row per packed key, summed over its segments.
  T* grad_packed_key = nullptr;
  T* grad_packed_value = nullptr;
};
/// Lanes of the widest instruction set pad rows to this.
[[nodiscard]] constexpr std::int64_t padded_dim(std::int64_t head_dim) {
  return (head_dim + 15) / 16 * 16;
}

/// The kernels for one instruction set and element. `scratch` holds scratch_bytes(D), aligned to
/// kScratchAlignment.
template <class E>
struct Kernels {
  const char* instruction_set;  // what the products of these elements really use
  void (*forward)(const ForwardParams<E>&, const Tile& queries, void* scratch);
  /// Facts of a tile of queries, and its gradient where no task visits it. All before any other.
  void (*backward_rows)(const BackwardParams<E>&, std::int64_t tile, void* scratch);
  /// Gradients of a tile of keys, and what it adds to those of its queries. Waits for tasks before
  /// it that share queries with it: start them in an order that respects theirs.
  void (*backward_keys)(const BackwardParams<E>&, std::int64_t task, void* scratch);
};
inline constexpr std::int64_t kScratchAlignment = 64;
[[nodiscard]] constexpr std::int64_t scratch_bytes(std::int64_t head_dim) {
  const std::int64_t wide = (head_dim + 31) / 32 * 32;
  return kTile * (12 * wide + 5 * kTile) * static_cast<std::int64_t>(sizeof(double));
}

/// All that is compiled for one instruction set: kernels_cpu.cpp and row_kernels_cpu.cpp.
struct KernelTable {
  const char* instruction_set;
  Kernels<float> float32;
  Kernels<double> float64;
  Kernels<Bf16> bfloat16;
  Kernels<F16> float16;
  RowKernels rows;
};

}  // namespace attnlab::sparse
