/// operators.h: the operators of torch.ops.attnlab, called through the dispatcher, so that
/// autograd,
///   fake tensors and tracing see each of them.
///   Axes: B batch, H heads, T length, D head_dim, R rounds, S segments, N buckets.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/library.h>

#include <optional>
#include <tuple>
#include <vector>

#include "framework/sparse/segment_plan.h"

namespace attnlab::python {

using Tensors = std::vector<at::Tensor>;

/// int32 [R, B, H, T].
at::Tensor hash_buckets(const at::Tensor& rows, const at::Tensor& projections);
/// rows int32 [B, H, T], start int32 [B, H, N+1].
std::tuple<at::Tensor, at::Tensor> sort_by_bucket(const at::Tensor& buckets, c10::SymInt N);
/// rows int32 [B, H, T], start int32 [B, H, 2].
std::tuple<at::Tensor, at::Tensor> compact(const at::Tensor& keep);

/// order and chunks int32 [R, B, H, T]; query_start [B, H, S+1], key_begin and key_end [B, H, S].
using Chunked = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor>;
Chunked sort_into_chunks(const at::Tensor& buckets, c10::SymInt N, std::int64_t chunk);

/// out [B, H, T, D], lse [B, H, T].
std::tuple<at::Tensor, at::Tensor> attend(const at::Tensor& query, const at::Tensor& key,
                                          const at::Tensor& value, const sparse::SegmentPlan& plan);

/// out [B, H, T, D], last_resort bool [B, H, T].
std::tuple<at::Tensor, at::Tensor> merge_rounds(at::TensorList outs, at::TensorList lses,
                                                const at::Tensor& value);

/// As SegmentPlan::scale takes it, where 0 stands for 1/sqrt(D). Throws c10::Error on a scale of 0.
double scale_or_default(std::optional<double> scale);

/// Looks an operator up once: static const auto op = find<Signature>("attnlab::hash_buckets").
template <class Signature>
auto find(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

}  // namespace attnlab::python
