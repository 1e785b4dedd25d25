// The variants as compositions of the other operators, which carry the gradients.
#include <ATen/ATen.h>

#include "framework/python/operators.h"

namespace attnlab::python {
namespace {

using Side = std::tuple<at::Tensor, at::Tensor>;  // rows, start

/// Groups of queries see the groups of keys with the same number (framework/sparse/plans.h).
sparse::SegmentPlan join_sides(const Side& queries, const Side& keys, bool include_self,
                               std::optional<double> scale) {
  sparse::SegmentPlan plan;
  const auto& start = std::get<1>(keys);
  const auto N = start.sym_size(2) - 1;
  plan.query_rows = std::get<0>(queries);                       // [B, H, T]
  plan.query_start = std::get<1>(queries);                      // [B, H, N+1]
  plan.key_rows = std::get<0>(keys);                            // [B, H, T]
  plan.key_begin = start.slice_symint(2, 0, N).contiguous();    // [B, H, N]
  plan.key_end = start.slice_symint(2, 1, N + 1).contiguous();  // [B, H, N]
  plan.ascending = true;
  plan.include_self = include_self;
  plan.scale = scale_or_default(scale);
  return plan;
}

at::Tensor hash_sparse(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                       const at::Tensor& projections, bool include_self, bool separate_keys,
                       std::optional<double> scale) {
  TORCH_CHECK(projections.dim() == 3, "[hash_sparse] projections has ", projections.dim(),
              " dimensions; expected float32 [H or 1, D, buckets / 2]");
  const auto columns = projections.unsqueeze(0);  // [1, H or 1, D, N/2]
  const auto N = projections.sym_size(2) * 2;
  const auto side = [&](const at::Tensor& rows) {
    return sort_by_bucket(hash_buckets(rows.detach(), columns).squeeze(0), N);
  };
  const auto queries = side(query);
  const auto keys = separate_keys ? side(key) : queries;
  return std::get<0>(attend(query, key, value, join_sides(queries, keys, include_self, scale)));
}

at::Tensor qk_drop(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                   const at::Tensor& query_keep, const at::Tensor& key_keep, bool include_self,
                   std::optional<double> scale) {
  return std::get<0>(attend(
      query, key, value, join_sides(compact(query_keep), compact(key_keep), include_self, scale)));
}

at::Tensor reformer(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                    const at::Tensor& projections, std::int64_t chunk, bool bucket_mask,
                    bool correct_duplicates, std::optional<double> scale) {
  const auto buckets = hash_buckets(query.detach(), projections);  // [R, B, H, T]
  const auto [order, chunks, query_start, key_begin, key_end] =
      sort_into_chunks(buckets, projections.sym_size(3) * 2, chunk);
  const std::int64_t rounds = projections.sym_size(0).guard_int(__FILE__, __LINE__);
  // Half precision is rounded once, after the merge.
  const auto dtype = query.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto q = query.to(dtype), k = key.to(dtype), v = value.to(dtype);
  Tensors outs, lses;
  for (std::int64_t round = 0; round < rounds; ++round) {
    sparse::SegmentPlan plan;
    plan.query_rows = plan.key_rows = order.select(0, round);  // [B, H, T]
    plan.query_start = query_start;
    plan.key_begin = key_begin;
    plan.key_end = key_end;
    plan.scale = scale_or_default(scale);
    if (bucket_mask) plan.query_labels = plan.key_labels = buckets.select(0, round);
    if (correct_duplicates && rounds > 1) {
      plan.chunks = chunks;
      if (bucket_mask) plan.round_labels = buckets;
      plan.round = round;
    }
    const auto [out, lse] = attend(q, k, v, plan);
    outs.push_back(out);
    lses.push_back(lse);
  }
  return std::get<0>(merge_rounds(outs, lses, v)).to(query.scalar_type());
}

TORCH_LIBRARY_IMPL(attnlab, CompositeImplicitAutograd, m) {
  m.impl("hash_sparse", hash_sparse);
  m.impl("qk_drop", qk_drop);
  m.impl("reformer", reformer);
}

}  // namespace

double scale_or_default(std::optional<double> scale) {
  TORCH_CHECK(scale != 0.0,
              "[attnlab] scale is 0, which makes all keys equal; expected another number, or None "
              "for 1/sqrt(D)");
  return scale.value_or(0);
}

}  // namespace attnlab::python
