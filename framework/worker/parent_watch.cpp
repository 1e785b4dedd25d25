#include "framework/worker/parent_watch.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <mutex>

#include "framework/core/error.h"
#include "framework/launch/stop_signals.h"

namespace attnlab::worker {
namespace {

constexpr std::chrono::seconds kGrace{2};

std::atomic<int> first_signal{0};
std::atomic<bool> gone{false};

bool is_pipe(int fd) {
  struct stat facts {};
  return fstat(fd, &facts) == 0 && S_ISFIFO(facts.st_mode);
}

// The write end of a pipe reports an error as soon as nobody can read it any more.
bool nobody_reads(int fd, int milliseconds) {
  pollfd watched{fd, 0, 0};
  return poll(&watched, 1, milliseconds) > 0 && (watched.revents & (POLLERR | POLLNVAL)) != 0;
}

// Returns early when the worker ends by itself, so that a clean end does not wait for the grace.
void sleep_through_grace(const std::stop_token& ended) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any().wait_for(lock, ended, kGrace, [] { return false; });
}

void watch(const std::stop_token& ended, int fd, pid_t parent) {
  while (!ended.stop_requested()) {
    if (!nobody_reads(fd, 200) && getppid() == parent) continue;
    gone = true;
    stop_requested = true;
    sleep_through_grace(ended);
    if (!ended.stop_requested()) _exit(kExitInterrupted);
  }
}

}  // namespace

std::atomic<bool> stop_requested{false};

void install_stop_signals() {
  struct sigaction action {};
  action.sa_handler = [](int number) {
    int none = 0;
    first_signal.compare_exchange_strong(none, number);
    stop_requested = true;
  };
  for (const int number : launch::stop_signals()) sigaction(number, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);  // a report to a dead parent is not worth dying for
  signal(SIGXFSZ, SIG_IGN);  // past a file size limit the store says so itself
}

std::string stop_cause() {
  const int number = first_signal;
  if (gone || number == 0) return gone ? "its launcher is gone" : "";
  if (number == SIGALRM) return "time limit";
  const char* const name = sigabbrev_np(number);
  return name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(number);
}

ParentWatch::ParentWatch(int fd) {
  if (!is_pipe(fd)) return;
  thread_ = std::jthread(watch, fd, getppid());
}

}  // namespace attnlab::worker
