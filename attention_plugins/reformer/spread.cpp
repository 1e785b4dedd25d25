#include "attention_plugins/reformer/spread.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace attnlab::reformer {
namespace {

const std::int32_t* data(const at::Tensor& host) { return host.const_data_ptr<std::int32_t>(); }

}  // namespace

Spread spread_of(const sparse::ChunkedRounds& rounds) {
  const std::int64_t T = rounds.order.size(-1);
  const std::int64_t chunk = rounds.chunk;
  const auto host_buckets = rounds.buckets.cpu(), host_order = rounds.order.cpu();
  std::int64_t pairs = 0, reached = 0, largest = 0;
  double entropy = 0;
  const auto close = [&](std::int64_t rows) {  // a bucket that the walk has left
    const double share = static_cast<double>(rows) / static_cast<double>(T);
    if (rows > 0) entropy -= share * std::log2(share);
  };
  for (std::int64_t offset = 0; offset < rounds.order.numel(); offset += T) {
    const std::int32_t* bucket = data(host_buckets) + offset;
    const std::int32_t* order = data(host_order) + offset;
    std::int64_t begin = 0;  // of the bucket that the walk is in
    for (std::int64_t place = 0; place < T; ++place) {
      if (bucket[order[place]] != bucket[order[begin]]) {
        close(place - begin);
        begin = place;
      }
      // Rows of a bucket stand by position: those between begin and place are the causal keys.
      pairs += place - begin;
      reached += place - std::max(begin, (place / chunk - 1) * chunk);
      largest = std::max(largest, place - begin + 1);
    }
    close(T - begin);
  }
  const double coverage = pairs > 0 ? static_cast<double>(reached) / static_cast<double>(pairs) : 1;
  const auto heads = static_cast<double>(rounds.order.numel() / T);
  const double all = heads * static_cast<double>(T) * static_cast<double>(T - 1) / 2;
  return {coverage, largest, all > 0 ? static_cast<double>(pairs) / all : 1, entropy / heads};
}

}  // namespace attnlab::reformer
