/// segment_plan.h: a sparsity pattern as the segment engine takes it.
///   Rows are permuted, cut into segments, and each segment of queries sees one contiguous range of
///   packed keys, masked by original position. Hash buckets, kept tokens, Reformer chunks and
///   sliding windows are all plans. Nothing of size T x T is ever stored.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>

namespace attnlab::sparse {

struct PlanSeal;  // plan_seal.h

/// B batch, H heads, T length, S segments, Nq/Nk upper bounds of packed rows. All int32,
/// contiguous, on the device of the query.
struct SegmentPlan {
  at::Tensor query_rows;  // [B, H, Nq] original row of each packed query; a row occurs at most once
  at::Tensor key_rows;  // [B, H, Nk] original row of each packed key; rows may repeat over segments
  at::Tensor
      query_start;  // [B, H, S+1] where each query segment begins; rows past the last are ignored
  at::Tensor key_begin;    // [B, H, S] first packed key that the segment may see; never decreasing
  at::Tensor key_end;      // [B, H, S] one past the last; never decreasing; ranges may overlap
  bool ascending = false;  // rows ascend inside every segment and every key range

  bool causal = true;         // attend only where key position <= query position
  bool include_self = false;  // whether key position == query position is allowed
  std::int64_t max_distance =
      std::numeric_limits<std::int64_t>::max();  // position_q - position_k < this; at least 1

  at::Tensor query_labels;  // [B, H, T] by original row, or undefined: attend only where equal
  at::Tensor key_labels;    // [B, H, T]

  /// Several hashed rounds (Reformer): this plan is round `round` of `chunks` [R, B, H, T], the
  /// chunk number of every original row in every round. A pair that an earlier round contains is
  /// left out, so that over all rounds it counts once. A round contains the pair (i, j) when
  /// chunk[j] is chunk[i] or chunk[i] - 1 and, where `round_labels` [R, B, H, T] is defined, the
  /// labels of i and j agree in that round. Undefined: no correction.
  at::Tensor chunks;
  at::Tensor round_labels;
  std::int64_t round = 0;

  double scale = 0;  // of the scores; 0 means 1/sqrt(D)

 private:
  /// Set by the builders of plans.h, whose plans need no O(T) check of contents. Exchanging a
  /// tensor above or its memory breaks it, and so does an operator that writes one: the plan is
  /// checked. Numbers written by way of .data or a pointer are not noticed, and may be read through.
  friend struct PlanSeal;
  std::shared_ptr<const PlanSeal> seal_;
};

struct SegmentResult {
  at::Tensor
      out;  // [B, H, T, D] in the dtype of the query; rows in no segment or without keys are 0
  at::Tensor lse;  // [B, H, T] float32 (float64 for float64 input), natural log; -inf for such rows
};

/// The most that segment_attention takes there: PluginFacts::max_head_dim_cuda of whoever calls it.
inline constexpr std::int64_t kMostHeadDimOnGpu = 128;

/// Exact softmax attention over the plan's pairs. query, key, value: [B, H, T, D] with any strides,
/// of one device and one dtype: float32, bfloat16, float16, on the CPU also float64. Differentiable
/// in all three through both results, once. bfloat16 and float16 are computed in float32 and
/// rounded once at the end, except that where kernel_name() says avx512_bf16 or on a GPU the weights
/// are rounded to them before they meet the values. Safe to call from several threads.
/// Throws c10::Error on dtypes, devices, shapes and numbers other than these, and on the CPU, in
/// O(Nq + Nk + S + T), on a plan whose rows or ranges break what SegmentPlan says.
[[nodiscard]] SegmentResult segment_attention(const at::Tensor& query, const at::Tensor& key,
                                              const at::Tensor& value, const SegmentPlan& plan);

/// What segment_attention runs for this query and plan: "segment_attention cpu float32 avx512".
[[nodiscard]] std::string kernel_name(const at::Tensor& query, const SegmentPlan& plan);

/// While one lives, it is told of every plan that the engine takes on this thread. They may be
/// nested; the innermost hears.
class PlanListener {
 public:
  explicit PlanListener(std::function<void(const SegmentPlan&)> hear);
  ~PlanListener();
  PlanListener(const PlanListener&) = delete;
  PlanListener& operator=(const PlanListener&) = delete;
  static void tell(const SegmentPlan& plan);

 private:
  std::function<void(const SegmentPlan&)> hear_;
  PlanListener* outer_;
};

}  // namespace attnlab::sparse
