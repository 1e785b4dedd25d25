/// measures.h: what a pattern keeps of exact softmax, on sampled queries of one sequence.
///   Axes: H heads, T length, D head_dim; n sampled queries.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "framework/attention/attention.h"
#include "framework/xray/read_rows.h"
#include "framework/xray/tally.h"

namespace attnlab::xray {

/// The sampled queries, each with a key that it may see.
struct Queries {
  at::Tensor rows;      // [n] int64
  at::Tensor allowed;   // [n, T] bool: earlier keys, its own with inclusive causality, of its document
  at::Tensor distance;  // [n, T] int64: query position - key position
};

/// At most `most` queries, spread evenly over those that may see a key, one at random in each part; a
/// pure function of the arguments. `documents` [T] int32, or undefined. n may be 0 (T = 1, strict).
[[nodiscard]] Queries sample_queries(std::int64_t length, bool inclusive, const at::Tensor& documents,
                                     std::int64_t most, std::int64_t sequence, at::Device device);

/// Adds to `tally`, of each head of `layer`, in float64 and against softmax(q k / sqrt D) over the
/// allowed keys:
///   kept_weight     share of the exact weight on keys whose weight is not 0
///   best_weight     the share that the same number of keys keeps at most
///   kept_keys       share of the allowed keys whose weight is not 0
///   top_8/32/128    share of the keys of largest exact weight that are kept, of queries with so many
///   overlap         sum of the smaller of both weights: 1 where they are equal
///   rows_without_keys   share of the queries with no kept key
///   error           |output - exact output| / |exact output| over all queries
///   entropy, distance        of the weights, scaled to sum 1, in bits and tokens; dense_*: of the exact ones
///   profile/from_N, dense_profile/from_N   share of the weight on distances N to 2N - 1 (0: itself)
/// Left out, because they would mean nothing: all that is of weights where these do not explain the
/// output; entropy, distance and profile where weights are negative.
void measure(const AttentionInput& input, const Queries& queries, const RowWeights& read, std::int64_t layer,
             Tally& tally);

}  // namespace attnlab::xray
