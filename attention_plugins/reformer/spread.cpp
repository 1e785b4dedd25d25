#include "attention_plugins/reformer/spread.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <vector>

namespace attnlab::reformer {
namespace {

const std::int32_t* data(const at::Tensor& host) { return host.const_data_ptr<std::int32_t>(); }

/// Over all causal pairs of one document.
at::Tensor over_all(const sparse::ChunkedRounds& rounds, const at::Tensor& documents,
                    const at::Tensor& pairs) {
  if (documents.defined()) {
    const auto heads = rounds.order.numel() / documents.numel();  // of all rounds
    const auto all = sparse::earlier_in_document(documents).sum().to(at::kDouble) * heads;
    return at::where(all > 0, pairs / all, 1.0);
  }
  const auto T = rounds.order.size(-1);
  const double all = static_cast<double>(rounds.order.numel()) * static_cast<double>(T - 1) / 2;
  return all > 0 ? pairs / all : at::ones_like(pairs);
}

}  // namespace

// Sorted by bucket, and in a bucket by position, so by document too: a row's causal keys are those
// between the begin of its bucket, or of its document there, and its own place.
Spread spread_of(const sparse::ChunkedRounds& rounds, const at::Tensor& documents) {
  const at::NoGradGuard no_graph;
  const auto T = rounds.order.size(-1);
  const auto order = rounds.order.to(at::kLong);
  const auto sorted = rounds.buckets.gather(-1, order);  // [R, B, H, T]
  auto begin = at::searchsorted(sorted, sorted);
  const auto size = at::searchsorted(sorted, sorted, /*out_int32=*/false, /*right=*/true) - begin;
  if (documents.defined()) {
    const auto own = documents.unsqueeze(0).unsqueeze(2).expand_as(order).gather(-1, order);
    const auto both = sorted.to(at::kLong) * (std::int64_t{1} << 32) + own;
    begin = at::searchsorted(both, both);
  }
  const auto place = at::arange(T, begin.options());
  const auto reach = (place.floor_divide(rounds.chunk) - 1) * rounds.chunk;
  const auto sum = [](const at::Tensor& numbers) { return numbers.sum().to(at::kDouble); };
  const auto pairs = sum(place - begin), reached = sum(place - at::maximum(begin, reach));
  const auto share = size.to(at::kDouble) / static_cast<double>(T);
  // Every row of a bucket adds -log2(share) / T, so the bucket adds -share log2(share).
  return {at::where(pairs > 0, reached / pairs.clamp_min(1), 1.0), size.max().to(at::kDouble),
          over_all(rounds, documents, pairs), -share.log2().mean()};
}

double pairs_per_query(const sparse::ChunkedRounds& rounds, const at::Tensor& documents,
                       bool bucket_mask) {
  const std::int64_t R = rounds.order.size(0), T = rounds.order.size(-1);
  const std::int64_t H = rounds.order.size(2);
  const std::int64_t rows = rounds.order.numel() / R;  // of one round: B H T
  const auto host_buckets = rounds.buckets.cpu(), host_order = rounds.order.cpu(),
             host_chunks = rounds.chunks.cpu(),
             host_documents = documents.defined() ? documents.cpu().contiguous() : documents;
  const auto sees = [&](std::int64_t round, std::int64_t query, std::int64_t key) {
    const std::int32_t* bucket = data(host_buckets) + round * rows;
    const std::int32_t* chunk = data(host_chunks) + round * rows;
    const auto back = chunk[query] - chunk[key];
    return (back == 0 || back == 1) && (!bucket_mask || bucket[query] == bucket[key]);
  };
  std::int64_t pairs = 0;
  for (std::int64_t head = 0; head < rows; head += T) {
    std::vector<std::int64_t> keys(static_cast<std::size_t>(T), 0);
    const auto* own = host_documents.defined() ? data(host_documents) + head / T / H * T : nullptr;
    for (std::int64_t round = 0; round < R; ++round) {
      const std::int32_t* order = data(host_order) + round * rows + head;
      for (std::int64_t place = 0; place < T; ++place) {
        const auto chunk = place / rounds.chunk;
        const auto end = std::min(T, (chunk + 1) * rounds.chunk);
        const std::int64_t query = order[place];
        for (auto at = std::max<std::int64_t>(0, chunk - 1) * rounds.chunk; at < end; ++at) {
          const std::int64_t key = order[at];
          bool counts = key < query && sees(round, head + query, head + key) &&
                        (own == nullptr || own[key] == own[query]);
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
