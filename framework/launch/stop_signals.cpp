#include "framework/launch/stop_signals.h"

#include <fcntl.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>

namespace attnlab::launch {
namespace {

constexpr std::int64_t kOneRequest = 500;  // milliseconds

// What a signal handler may touch must be global.
std::atomic<int> arrived{0}, first_one{0};
std::atomic<std::int64_t> last_counted{0};
std::array<int, 2> pipe_ends{-1, -1};

void on_signal(int number) {
  const int saved = errno;
  int none = 0;
  first_one.compare_exchange_strong(none, number);
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto milliseconds = std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
  if (arrived == 0 || milliseconds - last_counted > kOneRequest) {
    last_counted = milliseconds;
    ++arrived;
  }
  [[maybe_unused]] const auto written = ::write(pipe_ends[1], "!", 1);
  errno = saved;
}

}  // namespace

StopSignals::StopSignals() {
  arrived = first_one = 0;
  if (::pipe2(pipe_ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) pipe_ends = {-1, -1};
  sigset_t ours;
  sigemptyset(&ours);
  for (const int number : stop_signals()) {
    sigaddset(&ours, number);
    set(number, on_signal);
  }
  set(SIGPIPE, SIG_IGN);
  set(SIGXFSZ, SIG_IGN);
  ::pthread_sigmask(SIG_UNBLOCK, &ours, &mask_before_);
}

void StopSignals::set(int number, void (*handler)(int)) {
  struct sigaction action {
  }, before{};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  ::sigaction(number, nullptr, &before);
  if (before.sa_handler == SIG_IGN) return;
  ::sigaction(number, &action, nullptr);
  before_.push_back({number, before});
}

StopSignals::~StopSignals() {
  ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  for (const auto& [number, action] : before_) ::sigaction(number, &action, nullptr);
  for (int& end : pipe_ends) {
    if (end >= 0) ::close(end);
    end = -1;
  }
}

int StopSignals::count() const { return arrived; }
int StopSignals::first() const { return first_one; }
int StopSignals::wake_fd() const { return pipe_ends[0]; }

void StopSignals::drain() const {
  std::array<char, 64> buffer;
  while (::read(pipe_ends[0], buffer.data(), buffer.size()) > 0) {
  }
}

}  // namespace attnlab::launch
