/// spread.h: how hashing and chunks spread the rows, for statistics.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/sparse/plans.h"

namespace attnlab::reformer {

/// What the hashing did to one forward pass, over all rounds, sequences and heads: float64, one number
/// each, on the rounds' device. Pairs are of one document; buckets are counted whatever the documents.
struct Spread {
  at::Tensor coverage;  // share of the pairs (same bucket, key before query) that the chunks reach:
                        // own chunk or the one before; 1 where there is no such pair
  at::Tensor largest;   // rows in the fullest bucket
  at::Tensor pairs_over_even;  // pairs of one bucket, over those of even buckets; 1 where T has no pair
  at::Tensor entropy;  // of a head's buckets, in bits; the mean over rounds, sequences, heads
};

/// O(R B H T log T), from the sorted order alone. Nothing waits for the device. documents: [B, T], or
/// undefined.
[[nodiscard]] Spread spread_of(const sparse::ChunkedRounds& rounds, const at::Tensor& documents,
                               std::int64_t buckets);

/// Different keys that a query sees in any round, or itself where it sees none: the mean over all
/// queries. O(R B H T chunk), in parallel over heads. Waits for the device that it is on.
[[nodiscard]] double pairs_per_query(const sparse::ChunkedRounds& rounds,
                                     const at::Tensor& documents, bool bucket_mask);

}  // namespace attnlab::reformer
