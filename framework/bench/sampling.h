/// sampling.h: sides timed in turn, so that what disturbs one disturbs all.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "framework/bench/subject.h"

namespace attnlab::bench {

/// Marks on the device's time line. On a GPU they are events in the current stream, so nothing
/// waits before the last mark is read; on a CPU the steady clock.
class Clock {
 public:
  explicit Clock(at::Device device) : device_(device) {}

  void start();  // forgets all marks
  void mark();   // the next mark
  /// Seconds between consecutive marks; waits for the last one.
  [[nodiscard]] std::vector<double> laps();

 private:
  at::Device device_;
  std::vector<std::chrono::steady_clock::time_point> moments_;
  std::vector<c10::Event> events_;
};

/// One thing that is timed, and the seconds it took each time.
struct Side {
  std::string name;  // "attention", "sdpa"
  Subject* subject;
  std::vector<double> forward{}, backward{}, both{};
  double cpu_seconds = 0;  // of this process, over all samples
  std::function<void()> captured{};  // a whole pass as a CUDA graph, in place of the subject's
  [[nodiscard]] const std::vector<double>& of(config::Pass pass) const;
};

struct Limits {
  std::int64_t most = 50, least = 3;  // samples of each side
  double seconds = 10;                // no new round after
};

/// Told after each round: rounds done, rounds expected, seconds left. False stops.
using OnRound = std::function<bool(std::int64_t done, std::int64_t expected, double seconds_left)>;

/// Calls `round` as often as the limits say. Returns false when it was stopped.
[[nodiscard]] bool in_rounds(const Limits& limits, const OnRound& on_round,
                             const std::function<void()>& round);

/// One pass, without timing: warm-up, or to see what memory it takes.
void run_once(Subject& subject, const Inputs& in, config::Pass pass);

/// The same, and what it gives: the output and, with a backward pass, the gradients of query, key and value that
/// there are. On a GPU nobody waits.
[[nodiscard]] std::vector<at::Tensor> results_of(Subject& subject, const Inputs& in, config::Pass pass);

/// In rounds takes one sample of each side, all of which ran before. Pass::forward runs without a
/// graph; otherwise forward, with the graph recorded, and backward are timed in one go. On a GPU the
/// L2 cache is written over before every sample. Returns false when it was stopped.
[[nodiscard]] bool sample(std::vector<Side>& sides, const Inputs& in, config::Pass pass,
                          const Limits& limits, const OnRound& on_round);

}  // namespace attnlab::bench
