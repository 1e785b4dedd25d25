/// sampling.h: sides timed in turn, so that what disturbs one disturbs all.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "framework/bench/statistics.h"
#include "framework/bench/subject.h"

namespace attnlab::bench {

/// One thing that is timed, and the seconds it took each time.
struct Side {
  std::string name;  // "attention", "sdpa"
  Subject* subject;
  std::vector<double> forward{}, backward{}, both{};
  double cpu_seconds = 0;  // of this process, over all samples
  [[nodiscard]] const std::vector<double>& of(config::Pass pass) const;
};

struct Limits {
  std::int64_t most = 50, least = 3;  // samples of each side
  double seconds = 10;                // no new round after
  int warm_up = 2;                    // rounds, not counted
};

/// Told after each round: rounds done, rounds expected, seconds left. False stops.
using OnRound = std::function<bool(std::int64_t done, std::int64_t expected, double seconds_left)>;

/// One pass, without timing: warm-up, or to see what memory it takes.
void run_once(Subject& subject, const Inputs& in, config::Pass pass);

/// Warms up, then in rounds takes one sample of each side. Pass::forward runs without a graph;
/// otherwise forward, with the graph recorded, and backward are timed in one go. On a GPU the L2
/// cache is written over before every sample. Returns false when it was stopped.
[[nodiscard]] bool sample(std::vector<Side>& sides, const Inputs& in, config::Pass pass,
                          const Limits& limits, const OnRound& on_round);

}  // namespace attnlab::bench
