// What torch.ops.attnlab offers. Operators are functional: no output aliases an input.
#include <torch/library.h>

TORCH_LIBRARY_FRAGMENT(attnlab, m) {
  // Attention variants, made of the operators below.
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
      "Tensor? round_labels=None, int round=0, float? scale=None) -> (Tensor out, Tensor lse)");
  // rows, labels and options: plan_arguments.h.
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
