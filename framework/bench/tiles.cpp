#include "framework/bench/tiles.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <string_view>

namespace attnlab::bench {
namespace {

thread_local double* total = nullptr;
thread_local bool* heard = nullptr;

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

double count(c10::ArrayRef<const c10::IValue> inputs) {
  const auto rows_of = [&](std::size_t i) {
    const auto t = inputs[i].toTensor().to(at::kCPU).contiguous();
    return t.reshape({-1, t.size(-1)});
  };
  const auto queries = rows_of(0), keys = rows_of(1), start = rows_of(2), begin = rows_of(3),
             end = rows_of(4);
  const auto row = [](const at::Tensor& t, std::int64_t g) {
    return t.const_data_ptr<std::int32_t>() + g * t.size(1);
  };
  double pairs = 0;
  for (std::int64_t g = 0; g < queries.size(0); ++g) {
    for (std::int64_t s = 0; s < begin.size(1); ++s) {
      const Segment segment{row(queries, g) + row(start, g)[s],
                            row(queries, g) + row(start, g)[s + 1], row(keys, g) + row(begin, g)[s],
                            row(keys, g) + row(end, g)[s]};
      pairs += tiles_of(segment, inputs[5].toBool(), inputs[6].toBool(), inputs[7].toInt());
    }
  }
  return pairs;
}

std::unique_ptr<at::ObserverContext> listen(const at::RecordFunction& call) {
  if (std::string_view(call.name()) == "attnlab::segment_attention") {
    *total += count(call.inputs());
    *heard = true;
  }
  return nullptr;
}

}  // namespace

std::optional<double> pairs_in_tiles(Subject& subject, const Inputs& in) {
  double pairs = 0;
  bool any = false;
  total = &pairs;
  heard = &any;
  const auto handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback(listen).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
  try {
    const at::NoGradGuard no_graph;
    static_cast<void>(subject.forward(in));
  } catch (...) {
    at::removeCallback(handle);
    throw;
  }
  at::removeCallback(handle);
  return any ? std::optional(pairs) : std::nullopt;
}

}  // namespace attnlab::bench
