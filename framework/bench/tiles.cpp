#include "framework/bench/tiles.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "framework/sparse/segment_plan.h"

namespace attnlab::bench {
namespace {

// One group of a plan; rows are original positions.
struct Segment {
  const std::int32_t *query_begin, *query_end, *key_begin, *key_end;
};

double tiles_of(const Segment& s, bool causal, bool include_self, std::int64_t max_distance) {
  std::int64_t tiles = 0;
  for (const auto* q = s.query_begin; q < s.query_end; q += kTileRows) {
    const auto [q_low, q_high] = std::minmax_element(q, std::min(q + kTileRows, s.query_end));
    for (const auto* k = s.key_begin; k < s.key_end; k += kTileRows) {
      const auto [k_low, k_high] = std::minmax_element(k, std::min(k + kTileRows, s.key_end));
      const bool behind = causal && (include_self ? *k_low > *q_high : *k_low >= *q_high);
      const bool too_far = std::int64_t{*q_low} - *k_high >= max_distance;
      tiles += !behind && !too_far;
    }
  }
  return static_cast<double>(tiles * kTileRows * kTileRows);
}

double pairs_of(const sparse::SegmentPlan& plan) {
  const auto rows_of = [](const at::Tensor& t) {
    return t.to(at::kCPU).contiguous().view({-1, t.size(-1)});
  };
  const auto queries = rows_of(plan.query_rows), keys = rows_of(plan.key_rows),
             start = rows_of(plan.query_start), begin = rows_of(plan.key_begin),
             end = rows_of(plan.key_end);
  const auto row = [](const at::Tensor& t, std::int64_t g) {
    return t.const_data_ptr<std::int32_t>() + g * t.size(1);
  };
  double pairs = 0;
  for (std::int64_t g = 0; g < queries.size(0); ++g) {
    for (std::int64_t s = 0; s < begin.size(1); ++s) {
      const Segment segment{row(queries, g) + row(start, g)[s],
                            row(queries, g) + row(start, g)[s + 1], row(keys, g) + row(begin, g)[s],
                            row(keys, g) + row(end, g)[s]};
      pairs += tiles_of(segment, plan.causal, plan.include_self, plan.max_distance);
    }
  }
  return pairs;
}

}  // namespace

std::optional<double> pairs_in_tiles(Subject& subject, const Inputs& in) {
  std::optional<double> pairs;
  const sparse::PlanListener listener(
      [&](const sparse::SegmentPlan& plan) { pairs = pairs.value_or(0) + pairs_of(plan); });
  const at::NoGradGuard no_graph;
  static_cast<void>(subject.forward(in));
  return pairs;
}

}  // namespace attnlab::bench
