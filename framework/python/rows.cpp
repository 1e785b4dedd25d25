// Hashing, sorting and compaction. Integer results: nothing to differentiate.
#include <ATen/ATen.h>

#include "framework/python/operators.h"
#include "framework/sparse/chunk_plans.h"
#include "framework/sparse/hashing.h"
#include "framework/sparse/plans.h"

namespace attnlab::python {
namespace {

using Pair = std::tuple<at::Tensor, at::Tensor>;

at::Tensor hash_buckets_kernel(const at::Tensor& rows, const at::Tensor& projections) {
  return sparse::hash_buckets(rows, projections).to(at::kInt);
}

Pair sort_by_bucket_kernel(const at::Tensor& buckets, c10::SymInt count) {
  const auto sorted = sparse::sort_by_bucket(buckets, count.expect_int());
  return {sorted.rows, sorted.start};
}

Pair compact_kernel(const at::Tensor& keep) {
  const auto kept = sparse::compact(keep);
  return {kept.rows, kept.start};
}

Chunked sort_into_chunks_kernel(const at::Tensor& buckets, c10::SymInt count, std::int64_t chunk) {
  const auto rounds = sparse::sort_into_chunks(buckets, count.expect_int(), chunk);
  const auto borders = sparse::chunk_plan(rounds, 0, {});  // the same in every round
  return {rounds.order, rounds.chunks, borders.query_start, borders.key_begin, borders.key_end};
}

// Shapes alone, for fake tensors. Sizes may be symbols.
at::Tensor ints(const at::Tensor& like, at::SymIntArrayRef sizes) {
  return at::empty_symint(sizes, like.options().dtype(at::kInt));
}

at::Tensor hash_buckets_meta(const at::Tensor& rows, const at::Tensor& projections) {
  TORCH_CHECK(rows.dim() == 4 && projections.dim() == 4,
              "[hash_buckets] expected rows [B, H, T, D] "
              "and projections [R, H or 1, D, buckets / 2], got ",
              rows.dim(), " and ", projections.dim(), " dimensions");
  return ints(rows,
              {projections.sym_size(0), rows.sym_size(0), rows.sym_size(1), rows.sym_size(2)});
}

Pair sort_by_bucket_meta(const at::Tensor& buckets, c10::SymInt count) {
  TORCH_CHECK(buckets.dim() == 3, "[plans] buckets has ", buckets.dim(),
              " dimensions; expected [B, H, T]");
  return {ints(buckets, buckets.sym_sizes()),
          ints(buckets, {buckets.sym_size(0), buckets.sym_size(1), count + 1})};
}

Pair compact_meta(const at::Tensor& keep) {
  TORCH_CHECK(keep.dim() == 3, "[plans] keep has ", keep.dim(), " dimensions; expected [B, H, T]");
  return {ints(keep, keep.sym_sizes()), ints(keep, {keep.sym_size(0), keep.sym_size(1), 2})};
}

Chunked sort_into_chunks_meta(const at::Tensor& buckets, c10::SymInt, std::int64_t chunk) {
  TORCH_CHECK(buckets.dim() == 4, "[plans] buckets has ", buckets.dim(),
              " dimensions; expected [R, B, H, T]");
  const auto B = buckets.sym_size(1), H = buckets.sym_size(2), T = buckets.sym_size(3);
  const auto S = (T + (chunk - 1)) / chunk;
  return {ints(buckets, buckets.sym_sizes()), ints(buckets, buckets.sym_sizes()),
          ints(buckets, {B, H, S + 1}), ints(buckets, {B, H, S}), ints(buckets, {B, H, S})};
}

/// The framework's own functions tell the devices apart.
void on_device(torch::Library& m) {
  m.impl("hash_buckets", hash_buckets_kernel);
  m.impl("sort_by_bucket", sort_by_bucket_kernel);
  m.impl("compact", compact_kernel);
  m.impl("sort_into_chunks", sort_into_chunks_kernel);
}

TORCH_LIBRARY_IMPL(attnlab, CPU, m) { on_device(m); }
TORCH_LIBRARY_IMPL(attnlab, CUDA, m) { on_device(m); }
TORCH_LIBRARY_IMPL(attnlab, Meta, m) {
  m.impl("hash_buckets", hash_buckets_meta);
  m.impl("sort_by_bucket", sort_by_bucket_meta);
  m.impl("compact", compact_meta);
  m.impl("sort_into_chunks", sort_into_chunks_meta);
}

}  // namespace

at::Tensor hash_buckets(const at::Tensor& rows, const at::Tensor& projections) {
  static const auto op = find<decltype(hash_buckets)>("attnlab::hash_buckets");
  return op.call(rows, projections);
}

Pair sort_by_bucket(const at::Tensor& buckets, c10::SymInt N) {
  static const auto op = find<decltype(sort_by_bucket)>("attnlab::sort_by_bucket");
  return op.call(buckets, std::move(N));
}

Pair compact(const at::Tensor& keep) {
  static const auto op = find<decltype(compact)>("attnlab::compact");
  return op.call(keep);
}

Chunked sort_into_chunks(const at::Tensor& buckets, c10::SymInt N, std::int64_t chunk) {
  static const auto op = find<decltype(sort_into_chunks)>("attnlab::sort_into_chunks");
  return op.call(buckets, std::move(N), chunk);
}

}  // namespace attnlab::python
