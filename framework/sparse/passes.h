/// passes.h: what is computed by other code on a GPU than on a CPU, as one struct of functions; and
///   segment attention forward and backward without autograd, for those who bring their own: the
///   operators of framework/python.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>

#include "framework/sparse/differentiable.h"
#include "framework/sparse/merge.h"
#include "framework/sparse/segment_plan.h"

namespace attnlab::sparse {

/// All contiguous; lse, largest and total float32, for float64 input float64.
struct ForwardPass {
  at::Tensor out;      // [B, H, T, D] in the dtype of the query
  at::Tensor lse;      // [B, H, T]
  at::Tensor largest;  // [B, H, T] largest score of a row, and
  at::Tensor total;    // [B, H, T] sum of exp(score - largest), for the backward pass
  at::Tensor tiles{};  // of a GPU: what its backward pass need not list again; may be undefined
};
/// Of `out` and `lse`; an undefined one counts as zeros.
struct ResultGradients {
  at::Tensor out, lse;
};
/// How many rows of queries by columns of keys are computed whole, as a warp or a core skips them;
/// in a segment's last tile `step` rows at a time. In an ascending plan columns are counted from
/// the first that some of `block` rows can see, in others and where that is 0 from the range's
/// begin.
struct TileSize {
  std::int64_t rows, columns, step, block;
};
/// Of the forward pass and of both halves of the backward one; in `keys` rows are of keys.
struct TileSizes {
  TileSize forward, queries, keys;
};
struct InputGradients {
  at::Tensor query, key, value;  // [B, H, T, D], contiguous, in the dtype of the inputs
};

/// The halves of segment_attention; each checks everything that it is given, contents of the plan
/// included, as that does. Meta tensors give meta tensors.
[[nodiscard]] ForwardPass forward_pass(const at::Tensor& query, const at::Tensor& key,
                                       const at::Tensor& value, const SegmentPlan& plan);
[[nodiscard]] InputGradients backward_pass(const ResultGradients& grads, const at::Tensor& query,
                                           const at::Tensor& key, const at::Tensor& value,
                                           const ForwardPass& forward, const SegmentPlan& plan);

/// Makes the outputs of forward_pass depend on its inputs. `backward` is backward_pass, or what
/// stands before it: an operator of framework/python. The plan must not be written until then.
using AttentionBackward = std::function<InputGradients(
    const ResultGradients& grads, const at::Tensor& query, const at::Tensor& key,
    const at::Tensor& value, const ForwardPass& forward, const SegmentPlan& plan)>;
void record_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                      const ForwardPass& forward, const SegmentPlan& plan, Refused refused,
                      AttentionBackward backward);
/// The same of merge_forward.
using MergeBackward = std::function<MergeGradient(const at::Tensor& grad, at::TensorList out,
                                                  at::TensorList lse, const at::Tensor& merged)>;
void record_merge(at::TensorList out, at::TensorList lse, const at::Tensor& value,
                  const at::Tensor& merged, Refused refused, MergeBackward backward);

/// Where a counting sort writes: int32 and contiguous. `start` and `parts` may be undefined.
struct Sorted {
  at::Tensor rows;   // [..., T] row numbers by (bucket, position)
  at::Tensor start;  // [..., N+1] where each bucket begins
  at::Tensor parts;  // [..., T] place of each row in `rows` / part
};

/// What a device computes by code of its own. The callers have checked shapes, dtypes and plans.
/// Nothing of a GPU's waits for it, so that a training step can be captured in a CUDA graph.
struct Passes {
  /// The rows as the passes read them: the tensor itself where it serves, else a contiguous copy.
  at::Tensor (*readable)(const at::Tensor& rows);
  /// query, key, value: readable() [B, H, T, D]. On a GPU `largest` and `total` stay undefined for
  /// 16-bit inputs, whose backward pass takes lse.
  ForwardPass (*forward)(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                         const SegmentPlan& plan);
  /// grads.out readable() in the inputs' dtype; grads.lse contiguous in lse's, or undefined.
  /// unique_keys: no row repeats among a group's packed keys, so that each gradient is written
  /// once. Bit-equal for any thread count and every time, unless the environment says
  /// ATTNLAB_CUDA_BACKWARD=atomic: then, on a GPU, for 16-bit inputs, grad_query is added up with
  /// atomics, in two products of seven less.
  InputGradients (*backward)(const ResultGradients& grads, const at::Tensor& query,
                             const at::Tensor& key, const at::Tensor& value,
                             const ForwardPass& forward, const SegmentPlan& plan, bool unique_keys);
  /// "segment_attention cpu bfloat16 avx512", "segment_attention cuda float16 mma.sync small
  /// tiles". On a GPU of compute capability 9.0 ATTNLAB_CUDA_KERNELS=wgmma chooses other kernels.
  /// Small tiles are for plans of short segments, unless ATTNLAB_CUDA_TILES says "small" or
  /// "large".
  std::string (*kernel_name)(const at::Tensor& query, const SegmentPlan& plan);
  /// What these kernels compute whole.
  TileSizes (*tile_sizes)(const at::Tensor& query, const SegmentPlan& plan);
  /// hash_buckets (hashing.h); offset [R, H, half] with any strides, or undefined.
  at::Tensor (*hash)(const at::Tensor& rows, const at::Tensor& projections,
                     const at::Tensor& offset);
  /// Stable counting sort of keys [..., T], contiguous: buckets 0..N-1, or bool, of which the true
  /// ones are kept as bucket 0. Throws on a bucket out of range; a GPU leaves it out, unseen.
  void (*sort)(const at::Tensor& keys, std::int64_t N, std::int64_t part, const Sorted& to);
  /// merge_forward and merge_backward (merge.h).
  Merged (*merge)(at::TensorList out, at::TensorList lse, const at::Tensor& value);
  MergeGradient (*merge_backward)(const at::Tensor& grad, at::TensorList out, at::TensorList lse,
                                  const at::Tensor& merged);
};

extern const Passes cpu_passes, cuda_passes;

/// Those that run for this tensor: cuda_passes on a GPU, and where the emulator stands in for one.
[[nodiscard]] const Passes& passes_for(const at::Tensor& tensor);

/// What `passes` hold is wired together from these, of merge.cpp and cuda_plans.cpp.
namespace cpu {
[[nodiscard]] at::Tensor hash(const at::Tensor& rows, const at::Tensor& projections,
                              const at::Tensor& offset);
void sort(const at::Tensor& keys, std::int64_t N, std::int64_t part, const Sorted& to);
[[nodiscard]] Merged merge(at::TensorList out, at::TensorList lse, const at::Tensor& value);
[[nodiscard]] MergeGradient merge_backward(const at::Tensor& grad, at::TensorList out,
                                           at::TensorList lse, const at::Tensor& merged);
}  // namespace cpu
namespace cuda {
[[nodiscard]] at::Tensor hash(const at::Tensor& rows, const at::Tensor& projections,
                              const at::Tensor& offset);
void sort(const at::Tensor& keys, std::int64_t N, std::int64_t part, const Sorted& to);
[[nodiscard]] Merged merge(at::TensorList out, at::TensorList lse, const at::Tensor& value);
[[nodiscard]] MergeGradient merge_backward(const at::Tensor& grad, at::TensorList out,
                                           at::TensorList lse, const at::Tensor& merged);
}  // namespace cuda

}  // namespace attnlab::sparse
