#include "attention_plugins/reformer/rounds.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

namespace attnlab::reformer {
namespace {

const std::int32_t* data(const at::Tensor& tensor) { return tensor.data_ptr<std::int32_t>(); }

}  // namespace

Rounds sort_into_chunks(const at::Tensor& buckets, std::int64_t bucket_count, std::int64_t chunk) {
  Rounds rounds{buckets, at::empty_like(buckets), at::empty_like(buckets)};
  const std::int64_t T = buckets.size(-1);
  std::vector<std::int64_t> next(bucket_count + 1);  // the next free place of each bucket
  for (std::int64_t offset = 0; offset < buckets.numel(); offset += T) {
    const std::int32_t* bucket = data(buckets) + offset;
    std::int32_t* order = rounds.order.data_ptr<std::int32_t>() + offset;
    std::int32_t* chunks = rounds.chunks.data_ptr<std::int32_t>() + offset;
    std::fill(next.begin(), next.end(), 0);
    for (std::int64_t t = 0; t < T; ++t) ++next[bucket[t] + 1];
    for (std::int64_t b = 0; b < bucket_count; ++b) next[b + 1] += next[b];
    for (std::int64_t t = 0; t < T; ++t) {
      const std::int64_t place = next[bucket[t]]++;
      order[place] = static_cast<std::int32_t>(t);
      chunks[t] = static_cast<std::int32_t>(place / chunk);
    }
  }
  return rounds;
}

Spread spread_of(const Rounds& rounds, std::int64_t chunk) {
  const std::int64_t T = rounds.order.size(-1);
  std::int64_t pairs = 0, reached = 0, largest = 0;
  for (std::int64_t offset = 0; offset < rounds.order.numel(); offset += T) {
    const std::int32_t* bucket = data(rounds.buckets) + offset;
    const std::int32_t* order = data(rounds.order) + offset;
    std::int64_t begin = 0;  // of the bucket that the walk is in
    for (std::int64_t place = 0; place < T; ++place) {
      if (bucket[order[place]] != bucket[order[begin]]) begin = place;
      // Rows of a bucket stand by position: those between begin and place are the causal keys.
      pairs += place - begin;
      reached += place - std::max(begin, (place / chunk - 1) * chunk);
      largest = std::max(largest, place - begin + 1);
    }
  }
  const double coverage = pairs > 0 ? static_cast<double>(reached) / static_cast<double>(pairs) : 1;
  return {coverage, largest};
}

sparse::SegmentPlan plan_of_round(const Rounds& rounds, std::int64_t round,
                                  const ReformerConfig& config) {
  const std::int64_t B = rounds.order.size(1), H = rounds.order.size(2), T = rounds.order.size(3);
  const std::int64_t segments = (T + config.chunk - 1) / config.chunk;
  const at::Tensor borders =
      (at::arange(segments + 1) * config.chunk).clamp_max(T).to(at::kInt);  // [S+1]
  const auto for_all_heads = [&](const at::Tensor& per_segment) {
    return per_segment.expand({B, H, per_segment.size(0)}).contiguous();
  };

  sparse::SegmentPlan plan;
  plan.query_rows = rounds.order[round];      // [B, H, T]
  plan.key_rows = plan.query_rows;            // [B, H, T]
  plan.query_start = for_all_heads(borders);  // [B, H, S+1]
  plan.key_begin = for_all_heads(
      at::cat({borders.slice(0, 0, 1), borders.slice(0, 0, segments - 1)}));  // [B, H, S]
  plan.key_end = for_all_heads(borders.slice(0, 1));                          // [B, H, S]
  if (config.bucket_mask) {
    plan.query_labels = rounds.buckets[round];  // [B, H, T]
    plan.key_labels = plan.query_labels;        // [B, H, T]
  }
  if (config.correct_duplicates && config.rounds > 1) {
    plan.chunks = rounds.chunks;                                 // [R, B, H, T]
    if (config.bucket_mask) plan.round_labels = rounds.buckets;  // [R, B, H, T]
    plan.round = round;
  }
  return plan;
}

}  // namespace attnlab::reformer
