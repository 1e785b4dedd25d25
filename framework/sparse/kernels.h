/// kernels.h: the CPU kernels of segment attention, on raw pointers. No LibTorch.
///   A kernel call computes one tile, from inputs that no other tile writes, in an order that does
///   not depend on threads: results are bit-equal for any thread count.
///   G = B*H groups; T length; D head_dim; the axes of segment_plan.h. All arrays are contiguous.
#pragma once

#include <cstdint>
#include <vector>

#include "framework/sparse/row_kernels.h"

namespace attnlab::sparse {

/// SegmentPlan as the kernels take it. Optional arrays are null.
struct PlanView {
  std::int64_t groups = 0;                    // G
  std::int64_t length = 0;                    // T
  std::int64_t head_dim = 0;                  // D
  std::int64_t queries = 0;                   // Nq
  std::int64_t keys = 0;                      // Nk
  std::int64_t segments = 0;                  // S
  const std::int32_t* query_rows = nullptr;   // [G, Nq]
  const std::int32_t* key_rows = nullptr;     // [G, Nk]
  const std::int32_t* query_start = nullptr;  // [G, S+1]
  const std::int32_t* key_begin = nullptr;    // [G, S]
  const std::int32_t* key_end = nullptr;      // [G, S]
  bool ascending = false;
  bool causal = true;
  bool include_self = false;
  std::int64_t max_distance = 0;
  const std::int32_t* query_labels = nullptr;  // [G, T]
  const std::int32_t* key_labels = nullptr;    // [G, T]
  const std::int32_t* chunks = nullptr;        // [R, G, T]; read for rounds before `round`
  const std::int32_t* round_labels = nullptr;  // [R, G, T]
  std::int64_t round = 0;                      // 0 where chunks is null
};

/// 16-bit elements, as bits. They are computed with as float32, widened once per packed tile.
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

template <class E>
struct BackwardParams {
  using T = Compute<E>;
  PlanView plan;
  const E* query = nullptr;     // [G, T, D]
  const E* key = nullptr;       // [G, T, D]
  const E* value = nullptr;     // [G, T, D]
  const E* out = nullptr;       // [G, T, D]
  const T* largest = nullptr;   // [G, T]
  const T* total = nullptr;     // [G, T]
  const E* grad_out = nullptr;  // [G, T, D]
  const T* grad_lse = nullptr;  // [G, T] or null
  T* shift = nullptr;  // [G, T]: sum_d grad_out*out - grad_lse; the query pass fills it first
  T scale = 1;
  E* grad_query = nullptr;  // [G, T, D]
  /// Where no row repeats among a group's packed keys: [G, T, D], each row written once.
  E* grad_key = nullptr;
  E* grad_value = nullptr;
  /// Else: [G, Nk, D], one row per packed key, summed over its segments.
  T* grad_packed_key = nullptr;
  T* grad_packed_value = nullptr;
};

/// Packed rows [begin, end) of one group, all in one segment; at most kTile of them.
struct Tile {
  std::int32_t group = 0;
  std::int32_t segment = 0;
  std::int32_t begin = 0;
  std::int32_t end = 0;
};
inline constexpr std::int64_t kTile = 64;

/// Query tiles begin at segment starts; segments that see no key have none.
[[nodiscard]] std::vector<Tile> query_tiles(const PlanView& plan);
/// Every packed key that some segment sees, once; `segment` is the last one that sees it. A tile
/// ends where another segment's range begins.
[[nodiscard]] std::vector<Tile> key_tiles(const PlanView& plan);

/// The kernels for one instruction set and element. `scratch` holds scratch_size(D) elements.
template <class E>
struct Kernels {
  void (*forward)(const ForwardParams<E>&, const Tile& queries, Compute<E>* scratch);
  void (*backward_query)(const BackwardParams<E>&, const Tile& queries, Compute<E>* scratch);
  void (*backward_key)(const BackwardParams<E>&, const Tile& keys, Compute<E>* scratch);
};
[[nodiscard]] std::int64_t scratch_size(std::int64_t head_dim);

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
