#include "framework/worker/reporter.h"

#include <fcntl.h>
#include <unistd.h>

namespace attnlab::worker {

Reporter::Reporter(int fd) : fd_(fcntl(fd, F_GETFD) == -1 ? -1 : fd) {
  // Plugins may start programs; those must not hold the pipe open.
  if (fd_ != -1) fcntl(fd_, F_SETFD, FD_CLOEXEC);
}

void Reporter::start(std::int64_t steps) { write({.kind = "start", .steps = steps}); }

void Reporter::progress(const train::Progress& progress) {
  const bool is_step = progress.kind == train::Progress::Kind::step;
  const auto now = std::chrono::steady_clock::now();
  if (is_step && now - last_step_ < std::chrono::milliseconds(200)) return;
  if (is_step) last_step_ = now;
  write({.kind = is_step ? "step" : "eval",
         .step = progress.step,
         .steps = progress.steps,
         .loss = progress.value,
         .seconds_left = progress.seconds_left});
}

void Reporter::timing(const bench::Progress& progress) {
  write({.kind = "sample",
         .step = progress.done,
         .steps = progress.rounds,
         .seconds_left = progress.seconds_left,
         .text = "T = " + std::to_string(progress.length)});
}

void Reporter::end(const std::string& status, const std::string& reason) {
  write({.kind = "end", .text = reason, .status = status});
}

void Reporter::write(const launch::Report& report) const {
  if (fd_ == -1) return;
  std::string line = launch::to_json(report);
  if (line.empty() || line.back() != '\n') line += '\n';
  std::string_view left = line;
  while (!left.empty()) {
    const auto written = ::write(fd_, left.data(), left.size());
    if (written <= 0) return;  // the parent is gone; ParentWatch sees to it
    left.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace attnlab::worker
