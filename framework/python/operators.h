/// operators.h: the operators of torch.ops.attnlab, called through the dispatcher, so that
///   autograd, fake tensors and tracing see each of them; and a segment plan as their arguments.
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
using MaybeTensors = c10::List<std::optional<at::Tensor>>;
using Pair = std::tuple<at::Tensor, at::Tensor>;
using Three = std::tuple<at::Tensor, at::Tensor, at::Tensor>;
using Four = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor>;
using Five = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor>;

/// int32 [R, B, H, T].
at::Tensor hash_buckets(const at::Tensor& rows, const at::Tensor& projections);
/// rows int32 [B, H, T], start int32 [B, H, N+1].
Pair sort_by_bucket(const at::Tensor& buckets, const c10::SymInt& N);
/// rows int32 [B, H, T], start int32 [B, H, 2].
Pair compact(const at::Tensor& keep);
/// order and chunks int32 [R, B, H, T]; query_start [B, H, S+1], key_begin and key_end [B, H, S].
Five sort_into_chunks(const at::Tensor& buckets, const c10::SymInt& N, std::int64_t chunk);
/// key_begin and key_end int32 [B, H, N] of groups that sort_by_bucket or compact has made.
Pair key_ranges(const at::Tensor& start);
/// out [B, H, T, D], lse [B, H, T]. `sealed` as for sealed_plan_of().
Pair attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
            const sparse::SegmentPlan& plan, bool sealed);
/// out [B, H, T, D], last_resort bool [B, H, T].
Pair merge_rounds(at::TensorList outs, at::TensorList lses, const at::Tensor& value);

/// A plan from the arguments of segment_attention_forward: rows = query_rows, key_rows,
/// query_start, key_begin, key_end; labels = query_labels, key_labels, chunks, round_labels;
/// options = ascending, causal, include_self, max_distance, round, sealed; scale 0 for 1/sqrt(D).
/// Throws c10::Error where a list has another length.
[[nodiscard]] sparse::SegmentPlan plan_of(at::TensorList rows, const MaybeTensors& labels,
                                          at::IntArrayRef options, double scale);
/// The same on a device. `sealed`: a builder, or seal_plan, is said to have made these tensors, and where that
/// is so (sparse/origin.h) nobody looks at them again.
[[nodiscard]] sparse::SegmentPlan sealed_plan_of(at::TensorList rows, const MaybeTensors& labels,
                                                 at::IntArrayRef options, double scale,
                                                 const at::Tensor& query);

/// As SegmentPlan::scale takes it, where 0 stands for 1/sqrt(D). Throws c10::Error on a scale of 0.
double scale_or_default(std::optional<double> scale);

/// Looks an operator up, once: static const auto op = find<Signature>("attnlab::hash_buckets").
template <class Signature>
auto find(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

}  // namespace attnlab::python
