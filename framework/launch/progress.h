/// progress.h: what a person sees while runs go on.
///   On a terminal one line per running cell and a summary, redrawn in place; elsewhere one plain
///   line per event. The board is plain data, so that its text can be tested.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "framework/launch/worker_protocol.h"
#include "framework/core/status.h"
#include "framework/core/status_lines.h"

namespace attnlab::launch {

/// Times are seconds on one steady clock.
struct RunningCell {
  std::string label{};
  std::int64_t run_id = 0;
  double started = 0;
  std::int64_t step = 0, steps = 0;
  std::string doing{};  // what the steps are of, where the worker says: "T = 4096"
  double loss = 0;
  bool has_loss = false;
  double seconds_left = -1;  // as the worker said at `reported`; -1: unknown
  double reported = 0;

  void take(const Report& report, double now);
};

struct Board {
  std::size_t cells = 0;
  std::size_t jobs = 1;
  std::array<std::size_t, kStatusNames.size()> ended{};  // by Status, in this launch
  std::size_t finished_before = 0;
  std::size_t elsewhere = 0;                     // running in another process
  std::size_t queued = 0;                        // submitted to a batch system that has not begun them
  std::string queued_why{};                      // its reasons: "Priority, Resources"
  std::map<std::size_t, RunningCell> running{};  // by cell number
  double seconds_of_ended = 0;                   // summed over runs that ended well
  bool stopping = false;

  [[nodiscard]] std::size_t& count(Status status) {
    return ended[static_cast<std::size_t>(status)];
  }
  [[nodiscard]] std::size_t count(Status status) const {
    return ended[static_cast<std::size_t>(status)];
  }
  /// Cells that have not started.
  [[nodiscard]] std::size_t left() const;
  /// Seconds until all is done; -1: unknown. From this grid's own runs and what the workers say.
  [[nodiscard]] double seconds_left(double now) const;
};

/// "hash_sparse buckets=8 seed=1 | step 120/600 | loss 1.234 | 1 min 10 s left"
[[nodiscard]] std::string cell_line(const RunningCell& cell, double now);
/// "12 cells: 3 done, 1 failed, 2 running, 6 left | about 4 min left"
[[nodiscard]] std::string summary_line(const Board& board, double now);
class Progress {
 public:
  virtual ~Progress() = default;
  /// A line that stays: a start, an end, a warning.
  virtual void note(const std::string& line) = 0;
  /// Called often; decides itself when to draw.
  virtual void draw(const Board& board, double now) = 0;
  /// Nothing of the live part is left on the screen.
  virtual void clear() = 0;
};

/// Over status lines of `fd`; kind as there (core/status_lines.h).
[[nodiscard]] std::unique_ptr<Progress> make_progress(
    int fd, StatusLines::Kind kind = StatusLines::Kind::detect);

}  // namespace attnlab::launch
