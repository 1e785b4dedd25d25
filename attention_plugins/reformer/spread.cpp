#include "attention_plugins/reformer/spread.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

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

double pairs_per_query(const sparse::ChunkedRounds& rounds, bool bucket_mask) {
  const std::int64_t R = rounds.order.size(0), T = rounds.order.size(-1);
  const std::int64_t rows = rounds.order.numel() / R;  // of one round: B H T
  const auto host_buckets = rounds.buckets.cpu(), host_order = rounds.order.cpu(),
             host_chunks = rounds.chunks.cpu();
  const auto sees = [&](std::int64_t round, std::int64_t query, std::int64_t key) {
    const std::int32_t* bucket = data(host_buckets) + round * rows;
    const std::int32_t* chunk = data(host_chunks) + round * rows;
    const auto back = chunk[query] - chunk[key];
    return (back == 0 || back == 1) && (!bucket_mask || bucket[query] == bucket[key]);
  };
  std::int64_t pairs = 0;
  for (std::int64_t head = 0; head < rows; head += T) {
    std::vector<std::int64_t> keys(static_cast<std::size_t>(T), 0);
    for (std::int64_t round = 0; round < R; ++round) {
      const std::int32_t* order = data(host_order) + round * rows + head;
      for (std::int64_t place = 0; place < T; ++place) {
        const auto chunk = place / rounds.chunk;
        const auto end = std::min(T, (chunk + 1) * rounds.chunk);
        const std::int64_t query = order[place];
        for (auto at = std::max<std::int64_t>(0, chunk - 1) * rounds.chunk; at < end; ++at) {
          const std::int64_t key = order[at];
          bool counts = key < query && sees(round, head + query, head + key);
          for (std::int64_t before = 0; counts && before < round; ++before) {
            counts = !sees(before, head + query, head + key);
          }
          keys[static_cast<std::size_t>(query)] += counts;
        }
      }
    }
    for (const auto count : keys) pairs += std::max<std::int64_t>(count, 1);
  }
  return rows == 0 ? 0 : static_cast<double>(pairs) / static_cast<double>(rows);
}

}  // namespace attnlab::reformer
