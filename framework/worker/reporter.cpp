#include "framework/worker/reporter.h"

#include <fcntl.h>
#include <unistd.h>

namespace attnlab::worker {

using launch::Report;

Reporter::Reporter(int fd) : fd_(fcntl(fd, F_GETFD) == -1 ? -1 : fd) {
  // Plugins may start programs; those must not hold the pipe open.
  if (fd_ != -1) fcntl(fd_, F_SETFD, FD_CLOEXEC);
}

void Reporter::progress(const train::Progress& progress) {
  const bool is_step = progress.kind == train::Progress::Kind::step;
  const auto now = std::chrono::steady_clock::now();
  if (is_step && now - last_step_ < std::chrono::milliseconds(200)) return;
  if (is_step) last_step_ = now;
  send(Report{.kind = is_step ? "step" : "eval",
              .step = progress.step,
              .steps = progress.steps,
              .loss = progress.value,
              .seconds_left = progress.seconds_left});
}

void Reporter::timing(const bench::Progress& progress) {
  send(Report{.kind = "sample",
              .step = progress.done,
              .steps = progress.rounds,
              .seconds_left = progress.seconds_left,
              .text = "T = " + std::to_string(progress.length)});
}

void Reporter::write(std::string_view line) const {
  while (fd_ != -1 && !line.empty()) {
    const auto written = ::write(fd_, line.data(), line.size());
    if (written <= 0) return;  // the parent is gone; ParentWatch sees to it
    line.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace attnlab::worker
