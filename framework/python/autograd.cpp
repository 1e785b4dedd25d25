// Calls through the dispatcher, and the two operators that carry gradients.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>

#include "framework/python/operators.h"
#include "framework/sparse/passes.h"

namespace attnlab::python {
namespace {

using ForwardSignature = Four(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                              at::TensorList, const MaybeTensors&, at::IntArrayRef, double);
using BackwardSignature = Three(const std::optional<at::Tensor>&, const std::optional<at::Tensor>&,
                                const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                const at::Tensor&, at::TensorList, const MaybeTensors&,
                                at::IntArrayRef, double);
using MergeBackwardSignature = std::tuple<Tensors, Tensors, at::Tensor>(const at::Tensor&,
                                                                        at::TensorList,
                                                                        at::TensorList,
                                                                        const at::Tensor&);

std::optional<at::Tensor> maybe(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

/// A plan as arguments of an operator: what plan_of() takes.
struct Packed {
  Packed(const sparse::SegmentPlan& plan, bool sealed)
      : rows{plan.query_rows, plan.key_rows, plan.query_start, plan.key_begin, plan.key_end},
        labels({maybe(plan.query_labels), maybe(plan.key_labels), maybe(plan.chunks),
                maybe(plan.round_labels)}),
        options{plan.ascending, plan.causal, plan.include_self, plan.max_distance, plan.round, sealed},
        scale(plan.scale) {}
  Tensors rows;
  MaybeTensors labels;
  std::vector<std::int64_t> options;
  double scale;
};

Four call_forward(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                  const sparse::SegmentPlan& plan, bool sealed) {
  static const auto op = find<ForwardSignature>("attnlab::segment_attention_forward");
  const Packed packed(plan, sealed);
  return op.call(query, key, value, packed.rows, packed.labels, packed.options, packed.scale);
}

sparse::InputGradients call_backward(const sparse::ResultGradients& grads, const at::Tensor& query,
                                     const at::Tensor& key, const at::Tensor& value,
                                     const sparse::ForwardPass& forward,
                                     const sparse::SegmentPlan& plan, bool sealed) {
  static const auto op = find<BackwardSignature>("attnlab::segment_attention_backward");
  const Packed packed(plan, sealed);
  const auto [q, k, v] = op.call(maybe(grads.out), maybe(grads.lse), query, key, value, forward.out,
                                 forward.lse, forward.largest, forward.total, packed.rows,
                                 packed.labels, packed.options, packed.scale);
  return {q, k, v};
}

Four forward_autograd(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                      at::TensorList rows, const MaybeTensors& labels, at::IntArrayRef options,
                      double scale) {
  const auto plan = plan_of(rows, labels, options, scale);
  const bool sealed = options[5] != 0;
  const auto [out, lse, largest, total] = [&] {
    const at::AutoDispatchBelowADInplaceOrView below;
    return call_forward(query, key, value, plan, sealed);
  }();
  sparse::record_attention(
      query, key, value, {out, lse, largest, total}, plan, sparse::Refused::by_operators,
      [sealed](const auto& grads, const auto& q, const auto& k, const auto& v, const auto& forward,
               const auto& own) { return call_backward(grads, q, k, v, forward, own, sealed); });
  return {out, lse, largest, total};
}

sparse::MergeGradient call_merge_backward(const at::Tensor& grad, at::TensorList outs,
                                          at::TensorList lses, const at::Tensor& merged) {
  static const auto op = find<MergeBackwardSignature>("attnlab::merge_rounds_backward");
  const auto [out, lse, value] = op.call(grad, outs, lses, merged);
  return {out, lse, value};
}

Pair merge_autograd(at::TensorList outs, at::TensorList lses, const at::Tensor& value) {
  const auto results = [&] {
    const at::AutoDispatchBelowADInplaceOrView below;
    return merge_rounds(outs, lses, value);
  }();
  sparse::record_merge(outs, lses, value, std::get<0>(results), sparse::Refused::by_operators,
                       call_merge_backward);
  return results;
}

TORCH_LIBRARY_IMPL(attnlab, Autograd, m) {
  m.impl("segment_attention_forward", forward_autograd);
  m.impl("merge_rounds", merge_autograd);
  // Refuses second derivatives when they are asked for, at every level of torch.func.
  m.impl("segment_attention_backward", torch::autograd::autogradNotImplementedFallback());
  m.impl("merge_rounds_backward", torch::autograd::autogradNotImplementedFallback());
}

}  // namespace

at::Tensor hash_buckets(const at::Tensor& rows, const at::Tensor& projections) {
  static const auto op = find<decltype(hash_buckets)>("attnlab::hash_buckets");
  return op.call(rows, projections);
}

Pair sort_by_bucket(const at::Tensor& buckets, const c10::SymInt& N) {
  static const auto op = find<Pair(const at::Tensor&, c10::SymInt)>("attnlab::sort_by_bucket");
  return op.call(buckets, N);
}

Pair compact(const at::Tensor& keep) {
  static const auto op = find<decltype(compact)>("attnlab::compact");
  return op.call(keep);
}

Five sort_into_chunks(const at::Tensor& buckets, const c10::SymInt& N, std::int64_t chunk) {
  static const auto op =
      find<Five(const at::Tensor&, c10::SymInt, std::int64_t)>("attnlab::sort_into_chunks");
  return op.call(buckets, N, chunk);
}

Pair key_ranges(const at::Tensor& start) {
  static const auto op = find<decltype(key_ranges)>("attnlab::key_ranges");
  return op.call(start);
}

Pair attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
            const sparse::SegmentPlan& plan, bool sealed) {
  const auto results = call_forward(query, key, value, plan, sealed);
  return {std::get<0>(results), std::get<1>(results)};
}

Pair merge_rounds(at::TensorList outs, at::TensorList lses, const at::Tensor& value) {
  static const auto op = find<decltype(merge_rounds)>("attnlab::merge_rounds");
  return op.call(outs, lses, value);
}

}  // namespace attnlab::python
