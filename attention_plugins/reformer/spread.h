/// spread.h: how hashing and chunks spread the rows, for statistics.
#pragma once

#include <cstdint>

#include "framework/sparse/plans.h"

namespace attnlab::reformer {

/// What the hashing did to one forward pass, over all rounds, sequences and heads.
struct Spread {
  double coverage = 1;       // share of the pairs (same bucket, key before query) that the chunks
                             // reach: own chunk or the one before; 1 where there is no such pair
  std::int64_t largest = 0;  // rows in the fullest bucket
  double pairs_over_all = 1;  // pairs of one bucket over all causal pairs: 1 / buckets when even
  double entropy = 0;         // of a head's buckets, in bits; the mean over rounds, sequences, heads
};

/// O(R B H T), from the sorted order alone. Waits for the device that it is on.
[[nodiscard]] Spread spread_of(const sparse::ChunkedRounds& rounds);

/// Different keys that a query sees in any round, or itself where it sees none: the mean over all
/// queries. O(R^2 B H T chunk). Waits for the device that it is on.
[[nodiscard]] double pairs_per_query(const sparse::ChunkedRounds& rounds, bool bucket_mask);

}  // namespace attnlab::reformer
