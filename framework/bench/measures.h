/// measures.h: what a list of samples says, and the metrics of a timing, by side and length.
#pragma once

#include <optional>
#include <vector>

#include "framework/bench/sampling.h"
#include "framework/core/metric.h"

namespace attnlab::bench {

/// Five numbers of a sample; linear interpolation between neighbours. All 0 for no samples.
struct Spread {
  double least = 0, q1 = 0, median = 0, q3 = 0, most = 0;
};
[[nodiscard]] Spread spread(std::vector<double> samples);

/// p in y ~ c * x^p by least squares of log y on log x. NaN for fewer than two distinct x, or where
/// a value is not positive.
[[nodiscard]] double growth_exponent(const std::vector<double>& x, const std::vector<double>& y);

/// What one pass asks of the machine: bytes beyond inputs and outputs at its peak, and how often it asks.
struct Memory {
  double allocator = 0;  // LibTorch's tensors
  double process = 0;    // resident set beyond what it was when the run began; CPU only
  double allocations = 0;  // of tensors, outputs included
  double launches = 0;     // kernels, copies and fills on a GPU, where the pass was captured (call_graph.h)
};

/// One length of one run: everything that is stored about it.
struct Measured {
  std::int64_t length = 0, head_dim = 0;
  config::Pass pass = config::Pass::both;
  std::int64_t threads = 1;
  double pairs = 0;              // useful pairs over B and H
  double pairs_in_tiles = 0;     // those that the segment engine computes for them; 0: unknown
  double bytes = 0;              // that must be moved at least: least_bytes(); 0: unknown
  std::optional<double> pairs_over_even{};  // where the subject tells
  std::vector<Side> sides{};     // the subject first
  std::vector<Memory> memory{};  // by side
};

/// FLOP of exact attention for one pair of query and key: forward 4 D, backward 10 D.
[[nodiscard]] double flop_per_pair(std::int64_t head_dim, config::Pass pass);

/// Bytes of one pass when each tensor of `rows` x `head_dim` elements moves once: forward reads
/// query, key and value and writes the output; backward reads these four and the gradient and
/// writes three gradients.
[[nodiscard]] double least_bytes(double rows, std::int64_t head_dim, std::int64_t element_bytes,
                                 config::Pass pass);

/// "seconds_median", "ratio" ... with the other sides' names in front: "sdpa/seconds_median".
[[nodiscard]] std::vector<Metric> metrics_of(const Measured& measured);

}  // namespace attnlab::bench
