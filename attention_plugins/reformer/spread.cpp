#include "attention_plugins/reformer/spread.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <vector>

#include "framework/sparse/parallel.h"

namespace attnlab::reformer {
namespace {

const std::int32_t* data(const at::Tensor& host) { return host.const_data_ptr<std::int32_t>(); }

/// Over all causal pairs of one document, dealt out to `buckets` evenly.
at::Tensor over_even(const sparse::ChunkedRounds& rounds, const at::Tensor& documents,
                     const at::Tensor& pairs, std::int64_t buckets) {
  const auto N = static_cast<double>(buckets);
  if (documents.defined()) {
    const auto heads = rounds.order.numel() / documents.numel();  // of all rounds
    const auto all = sparse::earlier_in_document(documents).sum().to(at::kDouble) * heads;
    return at::where(all > 0, pairs * N / all, 1.0);
  }
  const auto T = rounds.order.size(-1);
  const double all = static_cast<double>(rounds.order.numel()) * static_cast<double>(T - 1) / 2;
  return all > 0 ? pairs * N / all : at::ones_like(pairs);
}

}  // namespace

// Sorted by bucket, and in a bucket by position, so by document too: a row's causal keys are those
// between the begin of its bucket, or of its document there, and its own place.
Spread spread_of(const sparse::ChunkedRounds& rounds, const at::Tensor& documents, std::int64_t buckets) {
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
  // Every row of a bucket adds -log2(share) / T, so the bucket adds -share log2(share). Taken off 0,
  // since a minus in front would make one bucket's 0 a -0.
  return {at::where(pairs > 0, reached / pairs.clamp_min(1), 1.0), size.max().to(at::kDouble),
          over_even(rounds, documents, pairs, buckets), 0 - share.log2().mean()};
}

namespace {

/// What the queries of one head see, with the rounds on the host.
class HeadWalk {
 public:
  /// own: [T], the document of every row, or null.
  HeadWalk(const sparse::ChunkedRounds& host, std::int64_t head, const std::int32_t* own, bool bucket_mask)
      : order_(data(host.order) + head), buckets_(data(host.buckets) + head), own_(own), chunk_(host.chunk),
        rounds_(host.order.size(0)), round_rows_(host.order.numel() / rounds_), length_(host.order.size(-1)),
        bucket_mask_(bucket_mask), places_(static_cast<std::size_t>(rounds_ * length_)),
        last_(static_cast<std::size_t>(length_), -1) {
    for (std::int64_t round = 0; round < rounds_; ++round) {
      for (std::int64_t place = 0; place < length_; ++place) place_of(round, row_at(round, place)) = place;
    }
  }

  /// Different keys of all queries, one where a query has none. O(R T chunk).
  std::int64_t pairs() {
    std::int64_t pairs = 0;
    for (std::int64_t query = 0; query < length_; ++query) {
      std::int64_t keys = 0;
      for (std::int64_t round = 0; round < rounds_; ++round) keys += new_keys(round, query);
      pairs += std::max<std::int64_t>(keys, 1);
    }
    return pairs;
  }

 private:
  std::int32_t row_at(std::int64_t round, std::int64_t place) const { return order_[round * round_rows_ + place]; }
  std::int64_t& place_of(std::int64_t round, std::int64_t row) {
    return places_[static_cast<std::size_t>(round * length_ + row)];
  }

  std::int64_t new_keys(std::int64_t round, std::int64_t query) {
    const auto* bucket = buckets_ + round * round_rows_;
    const auto place = place_of(round, query), chunk = place / chunk_;
    const auto begin = std::max<std::int64_t>(0, chunk - 1) * chunk_;
    // Earlier rows of the same bucket stand right before the query.
    const auto end = bucket_mask_ ? place : std::min(length_, (chunk + 1) * chunk_);
    std::int64_t found = 0;
    for (auto at = end - 1; at >= begin; --at) {
      const auto key = row_at(round, at);
      if (bucket_mask_ && bucket[key] != bucket[query]) break;
      if (key >= query || (own_ != nullptr && own_[key] != own_[query])) continue;
      auto& last = last_[static_cast<std::size_t>(key)];
      found += last != query;
      last = query;
    }
    return found;
  }

  const std::int32_t* order_;
  const std::int32_t* buckets_;
  const std::int32_t* own_;
  std::int64_t chunk_, rounds_, round_rows_, length_;
  bool bucket_mask_;
  std::vector<std::int64_t> places_;  // [R, T]: where in a round's order a row stands
  std::vector<std::int64_t> last_;    // [T]: the last query that saw a key
};

}  // namespace

double pairs_per_query(const sparse::ChunkedRounds& rounds, const at::Tensor& documents,
                       bool bucket_mask) {
  const auto T = rounds.order.size(-1), H = rounds.order.size(2);
  const auto rows = rounds.order.numel() / rounds.order.size(0);  // of one round: B H T
  if (rows == 0) return 0;
  auto host = rounds;
  host.order = rounds.order.cpu();
  host.buckets = rounds.buckets.cpu();
  const auto host_documents = documents.defined() ? documents.cpu().contiguous() : documents;
  std::atomic<std::int64_t> pairs{0};
  sparse::share(rows / T, [&](const std::function<std::int64_t()>& next) {
    for (auto head = next(); head >= 0; head = next()) {
      const auto* own = host_documents.defined() ? data(host_documents) + head / H * T : nullptr;
      pairs += HeadWalk(host, head * T, own, bucket_mask).pairs();
    }
  });
  return static_cast<double>(pairs) / static_cast<double>(rows);
}

}  // namespace attnlab::reformer
