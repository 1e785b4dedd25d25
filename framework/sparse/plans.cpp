#include "framework/sparse/plans.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "framework/sparse/passes.h"
#include "framework/sparse/plan_check.h"
#include "framework/sparse/plan_seal.h"
#include "framework/sparse/tensor_check.h"

namespace attnlab::sparse {

bool is_sealed(const SegmentPlan& plan, std::int64_t T) { return PlanSeal::holds(plan, T); }

namespace {

constexpr const char* kPlans = "plans";

void check_buckets(const at::Tensor& buckets, at::SymIntArrayRef shape, const c10::SymInt& N) {
  check_tensor(kPlans, "buckets", buckets, shape, {at::kInt, at::kUInt16, at::kByte});
  TORCH_CHECK(N >= 1 && N <= kMostBuckets, "[plans] ", N, " buckets; expected 1 to ", kMostBuckets);
}

/// Before memory for them is asked for.
void check_sizes(std::int64_t B, std::int64_t H, std::int64_t T) {
  TORCH_CHECK(B >= 0 && H >= 0 && T >= 0, "[plans] B ", B, ", H ", H, " and T ", T,
              "; expected at least 0 of each");
  check_length(kPlans, T);
}

/// One copy for each head of each sequence: int32 [B, H, n].
at::Tensor for_every_head(const at::Tensor& row, std::int64_t B, std::int64_t H) {
  return row.to(at::kInt).expand({B, H, row.size(0)}).contiguous();
}

GroupedRows grouped(const at::Tensor& keys, const c10::SymInt& N) {
  const auto options = keys.options().dtype(at::kInt);
  const auto B = keys.sym_size(0), H = keys.sym_size(1), T = keys.sym_size(2);
  check_length(kPlans, T);
  // A GPU's sort writes every row.
  const auto rows = keys.is_cuda() ? at::empty_symint({B, H, T}, options)
                                   : at::zeros_symint({B, H, T}, options);
  GroupedRows result{rows, at::empty_symint({B, H, N + 1}, options)};
  if (keys.is_meta()) return result;
  passes_for(keys).sort(keys.contiguous(), N.expect_int(), 1, {result.rows, result.start, {}});
  return result;
}

/// The groups of both sides, bucket by bucket.
SegmentPlan join_sides(const GroupedRows& queries, const GroupedRows& keys, bool include_self) {
  check_tensor(kPlans, "the key side's groups", keys.rows, queries.rows.sym_sizes(), {at::kInt},
               queries.rows.device());
  const std::int64_t N = queries.start.size(2) - 1;
  SegmentPlan plan;
  plan.query_rows = queries.rows;                             // [B, H, T]
  plan.key_rows = keys.rows;                                  // [B, H, T]
  plan.query_start = queries.start;                           // [B, H, N+1]
  plan.key_begin = keys.start.slice(2, 0, N).contiguous();    // [B, H, N]
  plan.key_end = keys.start.slice(2, 1, N + 1).contiguous();  // [B, H, N]
  plan.ascending = true;
  plan.include_self = include_self;
  PlanSeal::put_on(plan, queries.rows.size(2));
  return plan;
}

}  // namespace

GroupedRows sort_by_bucket(const at::Tensor& buckets, const c10::SymInt& N) {
  check_buckets(buckets, {-1, -1, -1}, N);
  return grouped(buckets, N);
}

GroupedRows compact(const at::Tensor& keep) {
  check_tensor(kPlans, "keep", keep, {-1, -1, -1}, {at::kBool});
  return grouped(keep, 1);
}

SegmentPlan bucket_plan(const at::Tensor& query_buckets, const at::Tensor& key_buckets,
                        std::int64_t N, bool include_self) {
  const auto queries = sort_by_bucket(query_buckets, N);
  const auto keys = key_buckets.is_same(query_buckets) ? queries : sort_by_bucket(key_buckets, N);
  return join_sides(queries, keys, include_self);
}

SegmentPlan kept_plan(const at::Tensor& query_keep, const at::Tensor& key_keep, bool include_self) {
  return join_sides(compact(query_keep), compact(key_keep), include_self);
}

SegmentPlan full_plan(std::int64_t B, std::int64_t H, std::int64_t T, bool include_self,
                      at::Device device) {
  check_sizes(B, H, T);
  const auto options = at::device(device).dtype(at::kInt);
  const GroupedRows all{for_every_head(at::arange(T, options), B, H),  // [B, H, T]
                        for_every_head(at::arange(2, options) * T, B, H)};
  return join_sides(all, all, include_self);
}

SegmentPlan window_plan(std::int64_t B, std::int64_t H, std::int64_t T, std::int64_t window,
                        std::int64_t dilation, bool include_self, at::Device device) {
  TORCH_CHECK(T >= 1 && window >= 1 && dilation >= 1, "[plans] window ", window, " and dilation ",
              dilation, " over ", T, " rows; expected at least 1 of each");
  check_sizes(B, H, T);
  dilation = std::min(dilation, T);  // beyond, each row is alone anyway
  // Positions a multiple of `dilation` apart form a segment, in order. The first `longer` segments
  // have a row more than the others' `rows`.
  const std::int64_t rows = T / dilation, longer = T % dilation;
  const auto on = at::device(device).dtype(at::kLong);
  const auto packed = at::arange(T, on), rest = packed - longer * (rows + 1);
  const auto row = [&](const at::Tensor& i, std::int64_t length, std::int64_t first) {
    return i.remainder(length) * dilation + i.floor_divide(length) + first;
  };
  const auto segment = at::arange(dilation + 1, on);
  const GroupedRows all{
      for_every_head(at::where(rest.lt(0), row(packed, rows + 1, 0), row(rest, rows, longer)), B,
                     H),
      for_every_head(segment * rows + segment.clamp_max(longer), B, H)};
  auto plan = join_sides(all, all, include_self);
  // In a segment, as in the sequence, a key is seen from the next `reach` positions on.
  const std::int64_t reach = std::min(window, T) * dilation;
  plan.max_distance = include_self ? reach : reach + 1;
  return plan;
}

ChunkedRounds sort_into_chunks(const at::Tensor& buckets, const c10::SymInt& N,
                               std::int64_t chunk) {
  check_buckets(buckets, {-1, -1, -1, -1}, N);
  TORCH_CHECK(chunk >= 1 && buckets.sym_size(0) >= 1, "[plans] ", buckets.sym_size(0),
              " rounds in chunks of ", chunk, " rows; expected at least 1 of each");
  check_length(kPlans, buckets.sym_size(3));
  const auto options = buckets.options().dtype(at::kInt);
  const auto like = [&] { return at::empty_symint(buckets.sym_sizes(), options); };
  ChunkedRounds rounds;
  rounds.buckets = buckets.to(at::kInt).contiguous();
  rounds.order = like();
  rounds.chunks = like();
  rounds.chunk = std::min(chunk, kMostRows);  // T is shorter
  if (buckets.is_meta()) return rounds;
  passes_for(buckets).sort(buckets.contiguous(), N.expect_int(), rounds.chunk,
                           {rounds.order, {}, rounds.chunks});
  PlanSeal::put_on(rounds, buckets.size(3));
  return rounds;
}

SegmentPlan chunk_plan(const ChunkedRounds& rounds, std::int64_t round, const ChunkRules& rules) {
  check_tensor(kPlans, "order", rounds.order, {-1, -1, -1, -1}, {at::kInt});
  for (const auto& [name, rows] :
       {std::pair{"buckets", &rounds.buckets}, {"chunks", &rounds.chunks}}) {
    check_tensor(kPlans, name, *rows, rounds.order.sym_sizes(), {at::kInt}, rounds.order.device());
  }
  const std::int64_t R = rounds.order.size(0), B = rounds.order.size(1), H = rounds.order.size(2),
                     T = rounds.order.size(3);
  check_length(kPlans, T);
  TORCH_CHECK(rounds.chunk >= 1 && rounds.chunk < kMostRows * 2, "[plans] chunks of ", rounds.chunk,
              " rows; expected at least 1, and below 2^30");
  TORCH_CHECK(round >= 0 && round < R, "[plans] round ", round, " of ", R, "; expected 0 to ",
              R - 1);
  const std::int64_t segments = (T + rounds.chunk - 1) / rounds.chunk;
  const at::Tensor borders =
      (at::arange(segments + 1, rounds.order.options()) * rounds.chunk).clamp_max(T);  // [S+1]

  SegmentPlan plan;
  plan.query_rows = rounds.order[round];             // [B, H, T]
  plan.key_rows = plan.query_rows;                   // [B, H, T]
  plan.query_start = for_every_head(borders, B, H);  // [B, H, S+1]
  plan.key_begin = for_every_head((borders.slice(0, 0, segments) - rounds.chunk).clamp_min(0), B,
                                  H);                        // [B, H, S]
  plan.key_end = for_every_head(borders.slice(0, 1), B, H);  // [B, H, S]
  if (rules.equal_buckets) {
    plan.query_labels = rounds.buckets[round];  // [B, H, T]
    plan.key_labels = plan.query_labels;        // [B, H, T]
  }
  if (rules.correct_duplicates && rounds.order.size(0) > 1) {
    plan.chunks = rounds.chunks;                                  // [R, B, H, T]
    if (rules.equal_buckets) plan.round_labels = rounds.buckets;  // [R, B, H, T]
    plan.round = round;
  }
  if (PlanSeal::holds(rounds, T)) PlanSeal::put_on(plan, T);
  return plan;
}

}  // namespace attnlab::sparse
