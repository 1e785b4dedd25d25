#include "framework/worker/reporter.h"
#include "framework/core/descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace attnlab::worker {

using launch::Report;

namespace {

constexpr std::chrono::milliseconds kPipePause{200}, kFilePause{10'000};

bool is_regular_file(int fd) {
  struct stat facts {};
  return fd >= 0 && fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode);
}

}  // namespace

int report_fd() {
  static const int fd = [] {
    constexpr int kFarAway = 200;
    int moved = fcntl(launch::kReportFd, F_DUPFD_CLOEXEC, kFarAway);
    if (moved < 0) moved = fcntl(launch::kReportFd, F_DUPFD_CLOEXEC, launch::kReportFd + 1);
    const Descriptor nowhere(moved < 0 ? -1 : open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (nowhere) dup3(nowhere.number(), launch::kReportFd, O_CLOEXEC);
    return moved;
  }();
  return fd;
}

Reporter::Reporter(int fd) : fd_(fd), file_(is_regular_file(fd)) {}

void Reporter::progress(const train::Progress& progress) {
  const bool is_step = progress.kind == train::Progress::Kind::step;
  const auto now = std::chrono::steady_clock::now();
  if (is_step && now - last_step_ < (file_ ? kFilePause : kPipePause)) return;
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
  if (fd_ == -1 || !write_all(fd_, line)) return;  // the parent is gone; ParentWatch sees to it
  if (file_) ::fdatasync(fd_);  // so that another host sees it
}

}  // namespace attnlab::worker
