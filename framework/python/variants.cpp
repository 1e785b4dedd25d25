// The variants as compositions of the other operators, which carry the gradients.
#include <ATen/ATen.h>

#include <tuple>

#include "framework/python/operators.h"
#include "framework/sparse/tensor_check.h"

namespace attnlab::python {
namespace {

/// Sides of (rows, start): groups of queries see the groups of keys with the same number
/// (framework/sparse/plans.h).
sparse::SegmentPlan join_sides(const Pair& queries, const Pair& keys, bool include_self,
                               std::optional<double> scale) {
  sparse::SegmentPlan plan;
  plan.query_rows = std::get<0>(queries);                                         // [B, H, T]
  plan.query_start = std::get<1>(queries);                                        // [B, H, N+1]
  plan.key_rows = std::get<0>(keys);                                              // [B, H, T]
  std::tie(plan.key_begin, plan.key_end) = key_ranges(std::get<1>(keys));  // [B, H, N]
  plan.ascending = true;
  plan.include_self = include_self;
  plan.scale = scale_or_default(scale);
  return plan;
}

at::Tensor hash_sparse(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                       const at::Tensor& projections, bool include_self, bool separate_keys,
                       std::optional<double> scale) {
  sparse::check_tensor("hash_sparse", "projections", projections, {-1, -1, -1}, {at::kFloat});
  const auto columns = projections.unsqueeze(0);  // [1, H or 1, D, N/2]
  const auto N = projections.sym_size(2) * 2;
  const auto side = [&](const at::Tensor& rows) {
    return sort_by_bucket(hash_buckets(rows.detach(), columns).squeeze(0), N);
  };
  const auto queries = side(query);
  const auto keys = separate_keys ? side(key) : queries;
  return std::get<0>(attend(query, key, value, join_sides(queries, keys, include_self, scale), true));
}

at::Tensor qk_drop(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                   const at::Tensor& query_keep, const at::Tensor& key_keep, bool include_self,
                   std::optional<double> scale) {
  sparse::check_tensor("qk_drop", "query", query, {-1, -1, -1, -1}, sparse::kComputed);
  for (const auto& [name, keep] : {std::pair{"query_keep", &query_keep}, {"key_keep", &key_keep}}) {
    sparse::check_tensor("qk_drop", name, *keep, query.sym_sizes().slice(0, 3), {at::kBool},
                         query.device());
  }
  return std::get<0>(attend(
      query, key, value, join_sides(compact(query_keep), compact(key_keep), include_self, scale), true));
}

at::Tensor reformer(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                    const at::Tensor& projections, std::int64_t chunk, bool bucket_mask,
                    bool correct_duplicates, std::optional<double> scale) {
  sparse::check_tensor("reformer", "projections", projections, {-1, -1, -1, -1}, {at::kFloat});
  for (const auto& [name, rows] : {std::pair{"key", &key}, {"value", &value}}) {
    sparse::check_tensor("reformer", name, *rows, query.sym_sizes(), {query.scalar_type()},
                         query.device());
  }
  const auto buckets = hash_buckets(query.detach(), projections);  // [R, B, H, T]
  const auto [order, chunks, query_start, key_begin, key_end] =
      sort_into_chunks(buckets, projections.sym_size(3) * 2, chunk);
  const std::int64_t rounds = projections.sym_size(0).guard_int(__FILE__, __LINE__);
  TORCH_CHECK(rounds >= 1 && rounds <= 1024, "[reformer] projections of ", rounds,
              " rounds; expected 1 to 1024");
  const auto dtype = sparse::sum_type(query.scalar_type());  // rounded once, after the merge
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
    const auto [out, lse] = attend(q, k, v, plan, true);
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

}  // namespace attnlab::python
