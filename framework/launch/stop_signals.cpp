#include "framework/launch/stop_signals.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>

namespace attnlab::launch {
namespace {

constexpr std::array kStopping{SIGINT, SIGTERM, SIGHUP};

// What a signal handler may touch must be global.
std::atomic<int> arrived{0};
std::array<int, 2> pipe_ends{-1, -1};
std::array<struct sigaction, kStopping.size()> previous;
struct sigaction previous_pipe;

void on_signal(int) {
  const int saved = errno;
  arrived.fetch_add(1);
  [[maybe_unused]] const auto written = ::write(pipe_ends[1], "!", 1);
  errno = saved;
}

}  // namespace

StopSignals::StopSignals() {
  arrived = 0;
  if (::pipe2(pipe_ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) pipe_ends = {-1, -1};
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kStopping.size(); ++i) {
    ::sigaction(kStopping[i], &action, &previous[i]);
    if (previous[i].sa_handler == SIG_IGN)
      ::sigaction(kStopping[i], &previous[i], nullptr);  // nohup
  }
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, &previous_pipe);
}

StopSignals::~StopSignals() {
  for (std::size_t i = 0; i < kStopping.size(); ++i) {
    ::sigaction(kStopping[i], &previous[i], nullptr);
  }
  ::sigaction(SIGPIPE, &previous_pipe, nullptr);
  for (int& end : pipe_ends) {
    if (end >= 0) ::close(end);
    end = -1;
  }
}

int StopSignals::count() const { return arrived; }
int StopSignals::wake_fd() const { return pipe_ends[0]; }

void StopSignals::drain() const {
  std::array<char, 64> buffer;
  while (::read(pipe_ends[0], buffer.data(), buffer.size()) > 0) {
  }
}

}  // namespace attnlab::launch
