#include "attention_plugins/reformer/spread.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <vector>

namespace attnlab::reformer {
namespace {

const std::int32_t* data(const at::Tensor& host) { return host.const_data_ptr<std::int32_t>(); }

}  // namespace

// Sorted by bucket, and in a bucket by position: a row's causal keys are those between the begin of
// its bucket and its own place.
Spread spread_of(const sparse::ChunkedRounds& rounds) {
  const at::NoGradGuard no_graph;
  const auto T = rounds.order.size(-1);
  const auto sorted = rounds.buckets.gather(-1, rounds.order.to(at::kLong));  // [R, B, H, T]
  const auto begin = at::searchsorted(sorted, sorted);
  const auto size = at::searchsorted(sorted, sorted, /*out_int32=*/false, /*right=*/true) - begin;
  const auto place = at::arange(T, begin.options());
  const auto reach = (place.floor_divide(rounds.chunk) - 1) * rounds.chunk;
  const auto sum = [](const at::Tensor& numbers) { return numbers.sum().to(at::kDouble); };
  const auto pairs = sum(place - begin), reached = sum(place - at::maximum(begin, reach));
  const auto share = size.to(at::kDouble) / static_cast<double>(T);
  const double all = static_cast<double>(rounds.order.numel()) * static_cast<double>(T - 1) / 2;
  // Every row of a bucket adds -log2(share) / T, so the bucket adds -share log2(share).
  return {at::where(pairs > 0, reached / pairs.clamp_min(1), 1.0), size.max().to(at::kDouble),
          all > 0 ? pairs / all : at::ones_like(pairs), -share.log2().mean()};
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
