// What torch.ops.attnlab offers, and what each operator computes. Operators are functional: no
// output aliases an input. The framework's own functions check what they are given and tell the
// devices apart, the meta device of fake tensors too.
#include "framework/python/operators.h"

#include <ATen/ATen.h>

#include "framework/python/known_tiles.h"
#include "framework/sparse/hashing.h"
#include "framework/sparse/origin.h"
#include "framework/sparse/passes.h"
#include "framework/sparse/plan_check.h"
#include "framework/sparse/plans.h"
#include "framework/sparse/tensor_check.h"

namespace attnlab::python {
namespace {

at::Tensor hash_buckets_kernel(const at::Tensor& rows, const at::Tensor& projections) {
  return sparse::hash_buckets(rows, projections).to(at::kInt);
}

Pair sort_by_bucket_kernel(const at::Tensor& buckets, c10::SymInt count) {
  const auto sorted = sparse::sort_by_bucket(buckets, count);
  sparse::note_origin(sorted);
  return {sorted.rows, sorted.start};
}

Pair compact_kernel(const at::Tensor& keep) {
  const auto kept = sparse::compact(keep);
  sparse::note_origin(kept);
  return {kept.rows, kept.start};
}

Pair key_ranges_kernel(const at::Tensor& start) {
  sparse::check_tensor("key_ranges", "start", start, {-1, -1, -1}, {at::kInt});
  const auto N = start.sym_size(2) - 1;
  TORCH_CHECK(N >= 0, "[key_ranges] start of 0 borders; expected one more than groups");
  const auto copy = [&](const c10::SymInt& from) {
    return start.slice_symint(2, from, N + from).clone(at::MemoryFormat::Contiguous);
  };
  Pair ranges{copy(0), copy(1)};
  sparse::note_ranges(start, std::get<0>(ranges), std::get<1>(ranges));
  return ranges;
}

Five sort_into_chunks_kernel(const at::Tensor& buckets, c10::SymInt count, std::int64_t chunk) {
  const auto rounds = sparse::sort_into_chunks(buckets, count, chunk);
  if (!buckets.is_meta()) {
    const auto borders = sparse::chunk_plan(rounds, 0, {});  // the same in every round
    sparse::note_origin(rounds, borders);
    return {rounds.order, rounds.chunks, borders.query_start, borders.key_begin, borders.key_end};
  }
  const auto S = (buckets.sym_size(3) + (rounds.chunk - 1)) / rounds.chunk;
  const auto borders = [&](const c10::SymInt& count) {
    return at::empty_symint({buckets.sym_size(1), buckets.sym_size(2), count},
                            rounds.order.options());
  };
  return {rounds.order, rounds.chunks, borders(S + 1), borders(S), borders(S)};
}

Four forward_kernel(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                    at::TensorList rows, const MaybeTensors& labels, at::IntArrayRef options,
                    double scale) {
  const auto plan = sealed_plan_of(rows, labels, options, scale, query);
  const auto pass = sparse::forward_pass(query, key, value, plan);
  if (query.is_cuda() && pass.tiles.defined() && sparse::is_sealed(plan, query.size(2))) keep_tiles(pass.tiles, pass.lse, plan);
  return {pass.out, pass.lse, pass.largest, pass.total};
}

Three backward_kernel(const std::optional<at::Tensor>& grad_out,
                      const std::optional<at::Tensor>& grad_lse, const at::Tensor& query,
                      const at::Tensor& key, const at::Tensor& value, const at::Tensor& out,
                      const at::Tensor& lse, const at::Tensor& largest, const at::Tensor& total,
                      at::TensorList rows, const MaybeTensors& labels, at::IntArrayRef options,
                      double scale) {
  const auto plan = sealed_plan_of(rows, labels, options, scale, query);
  const bool sealed = query.is_cuda() && query.dim() == 4 && sparse::is_sealed(plan, query.size(2));
  const auto pass = sparse::backward_pass(
      {grad_out.value_or(at::Tensor()), grad_lse.value_or(at::Tensor())}, query, key, value,
      {out, lse, largest, total, sealed ? tiles_of(lse, plan) : at::Tensor()}, plan);
  return {pass.query, pass.key, pass.value};
}

Pair merge_kernel(at::TensorList outs, at::TensorList lses, const at::Tensor& value) {
  const auto merged = sparse::merge_forward(outs, lses, value);
  return {merged.out, merged.last_resort};
}

std::tuple<Tensors, Tensors, at::Tensor> merge_backward_kernel(const at::Tensor& grad,
                                                               at::TensorList outs,
                                                               at::TensorList lses,
                                                               const at::Tensor& out) {
  auto gradient = sparse::merge_backward(grad, outs, lses, out);
  return {std::move(gradient.out), std::move(gradient.lse), gradient.value};
}

/// torch.ops.attnlab.segment_attention: the plan's fields by name.
Pair segment_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                       const at::Tensor& query_rows, const at::Tensor& key_rows,
                       const at::Tensor& query_start, const at::Tensor& key_begin,
                       const at::Tensor& key_end, bool ascending, bool causal, bool include_self,
                       std::optional<std::int64_t> max_distance,
                       const std::optional<at::Tensor>& query_labels,
                       const std::optional<at::Tensor>& key_labels,
                       const std::optional<at::Tensor>& chunks,
                       const std::optional<at::Tensor>& round_labels, std::int64_t round,
                       std::optional<double> scale, bool sealed) {
  const auto distance = max_distance.value_or(sparse::SegmentPlan().max_distance);
  return attend(
      query, key, value,
      plan_of({query_rows, key_rows, query_start, key_begin, key_end},
              MaybeTensors({query_labels, key_labels, chunks, round_labels}),
              {ascending, causal, include_self, distance, round, sealed}, scale_or_default(scale)),
      sealed);
}

/// torch.ops.attnlab.seal_plan. Not for fake tensors: what it tells stands in the numbers.
bool seal_plan(const at::Tensor& query_rows, const at::Tensor& key_rows, const at::Tensor& query_start,
               const at::Tensor& key_begin, const at::Tensor& key_end, std::int64_t length, bool ascending) {
  return sparse::note_checked(
      plan_of({query_rows, key_rows, query_start, key_begin, key_end}, MaybeTensors({std::nullopt, std::nullopt, std::nullopt, std::nullopt}),
              {ascending, 1, 0, sparse::SegmentPlan().max_distance, 0, 0}, 0),
      length);
}

void kernels(torch::Library& m) {
  m.impl("hash_buckets", hash_buckets_kernel);
  m.impl("sort_by_bucket", sort_by_bucket_kernel);
  m.impl("compact", compact_kernel);
  m.impl("key_ranges", key_ranges_kernel);
  m.impl("sort_into_chunks", sort_into_chunks_kernel);
  m.impl("segment_attention_forward", forward_kernel);
  m.impl("segment_attention_backward", backward_kernel);
  m.impl("merge_rounds", merge_kernel);
  m.impl("merge_rounds_backward", merge_backward_kernel);
}

void kernels_of_devices(torch::Library& m) {
  kernels(m);
  m.impl("seal_plan", seal_plan);
}

TORCH_LIBRARY_IMPL(attnlab, CPU, m) { kernels_of_devices(m); }
TORCH_LIBRARY_IMPL(attnlab, CUDA, m) { kernels_of_devices(m); }
TORCH_LIBRARY_IMPL(attnlab, Meta, m) { kernels(m); }
TORCH_LIBRARY_IMPL(attnlab, CompositeImplicitAutograd, m) {
  m.impl("segment_attention", segment_attention);
}

TORCH_LIBRARY_FRAGMENT(attnlab, m) {
  // Attention variants, made of the operators below (variants.cpp).
  m.def(
      "hash_sparse(Tensor query, Tensor key, Tensor value, Tensor projections, *, "
      "bool include_self=False, bool separate_keys=False, float? scale=None) -> Tensor");
  m.def(
      "qk_drop(Tensor query, Tensor key, Tensor value, Tensor query_keep, Tensor key_keep, *, "
      "bool include_self=False, float? scale=None) -> Tensor");
  m.def(
      "reformer(Tensor query, Tensor key, Tensor value, Tensor projections, *, int chunk=64, "
      "bool bucket_mask=False, bool correct_duplicates=True, float? scale=None) -> Tensor");

  // Any plan (framework/sparse/segment_plan.h).
  m.def(
      "segment_attention(Tensor query, Tensor key, Tensor value, Tensor query_rows, "
      "Tensor key_rows, Tensor query_start, Tensor key_begin, Tensor key_end, *, "
      "bool ascending=False, bool causal=True, bool include_self=False, int? max_distance=None, "
      "Tensor? query_labels=None, Tensor? key_labels=None, Tensor? chunks=None, "
      "Tensor? round_labels=None, int round=0, float? scale=None, bool sealed=False) "
      "-> (Tensor out, Tensor lse)");
  // rows, labels and options: operators.h.
  m.def(
      "segment_attention_forward(Tensor query, Tensor key, Tensor value, Tensor[] rows, "
      "Tensor?[] labels, int[] options, float scale) "
      "-> (Tensor out, Tensor lse, Tensor largest, Tensor total)");
  m.def(
      "segment_attention_backward(Tensor? grad_out, Tensor? grad_lse, Tensor query, Tensor key, "
      "Tensor value, Tensor out, Tensor lse, Tensor largest, Tensor total, Tensor[] rows, "
      "Tensor?[] labels, int[] options, float scale) "
      "-> (Tensor grad_query, Tensor grad_key, Tensor grad_value)");

  // What plans are made of.
  m.def("hash_buckets(Tensor rows, Tensor projections) -> Tensor");
  m.def("sort_by_bucket(Tensor buckets, SymInt count) -> (Tensor rows, Tensor start)");
  m.def("compact(Tensor keep) -> (Tensor rows, Tensor start)");
  m.def("key_ranges(Tensor start) -> (Tensor key_begin, Tensor key_end)");
  m.def(
      "seal_plan(Tensor query_rows, Tensor key_rows, Tensor query_start, Tensor key_begin, "
      "Tensor key_end, int length, *, bool ascending=False) -> bool");
  m.def(
      "sort_into_chunks(Tensor buckets, SymInt count, int chunk) -> (Tensor order, Tensor chunks, "
      "Tensor query_start, Tensor key_begin, Tensor key_end)");

  // Several rounds into one.
  m.def(
      "merge_rounds(Tensor[] outs, Tensor[] lses, Tensor value) -> (Tensor out, Tensor "
      "last_resort)");
  m.def(
      "merge_rounds_backward(Tensor grad, Tensor[] outs, Tensor[] lses, Tensor out) "
      "-> (Tensor[] grad_outs, Tensor[] grad_lses, Tensor grad_value)");
}

}  // namespace

sparse::SegmentPlan plan_of(at::TensorList rows, const MaybeTensors& labels,
                            at::IntArrayRef options, double scale) {
  TORCH_CHECK(rows.size() == 5 && labels.size() == 4 && options.size() == 6,
              "[segment_attention] a plan of ", rows.size(), " tensors, ", labels.size(),
              " labels and ", options.size(), " options; expected 5, 4 and 6");
  const auto label = [&](std::size_t i) {
    return std::optional<at::Tensor>(labels[i]).value_or(at::Tensor());
  };
  sparse::SegmentPlan plan;
  plan.query_rows = rows[0];
  plan.key_rows = rows[1];
  plan.query_start = rows[2];
  plan.key_begin = rows[3];
  plan.key_end = rows[4];
  plan.query_labels = label(0);
  plan.key_labels = label(1);
  plan.chunks = label(2);
  plan.round_labels = label(3);
  plan.ascending = options[0] != 0;
  plan.causal = options[1] != 0;
  plan.include_self = options[2] != 0;
  plan.max_distance = options[3];
  plan.round = options[4];
  plan.scale = scale;
  return plan;
}

sparse::SegmentPlan sealed_plan_of(at::TensorList rows, const MaybeTensors& labels,
                                   at::IntArrayRef options, double scale, const at::Tensor& query) {
  auto plan = plan_of(rows, labels, options, scale);
  if (options[5] != 0 && query.is_cuda() && query.dim() == 4) sparse::seal_by_origin(plan, query.size(2));
  return plan;
}

double scale_or_default(std::optional<double> scale) {
  TORCH_CHECK(scale != 0.0,
              "[attnlab] scale is 0, which makes all keys equal; expected another number, or None "
              "for 1/sqrt(D)");
  return scale.value_or(0);
}

}  // namespace attnlab::python
