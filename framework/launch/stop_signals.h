/// stop_signals.h: Ctrl-C, SIGTERM and their like as something to ask for, not something that strikes.
#pragma once

#include <csignal>
#include <vector>

namespace attnlab::launch {

/// The signals that ask a process to end and whose default is to end it at once: batch systems and
/// `timeout` send any of them. SIGQUIT stays what it is, for who wants no clean end.
[[nodiscard]] inline std::vector<int> stop_signals() {
  std::vector<int> numbers{SIGINT,  SIGTERM, SIGHUP,    SIGUSR1, SIGUSR2,   SIGXCPU,
                           SIGALRM, SIGPWR,  SIGVTALRM, SIGPROF, SIGSTKFLT, SIGIO};
  for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) numbers.push_back(number);
  return numbers;
}

/// While one lives, stop signals are counted instead of ending the process, blocked or not; those
/// that were ignored (nohup) stay so. SIGPIPE and SIGXFSZ are ignored: a closed terminal and a file
/// size limit must not end a grid. One at a time, from the main thread. Throws nothing.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// 1: finish cleanly, 2 and more: now. Signals within half a second are one: `timeout` sends its
  /// signal twice, a terminal that closes sends two kinds.
  [[nodiscard]] int count() const;
  [[nodiscard]] int first() const;    // its number; 0: none has come
  [[nodiscard]] int wake_fd() const;  // readable when one has come, for poll()
  void drain() const;                 // makes wake_fd() quiet again

 private:
  struct Before {
    int number;
    struct sigaction action;
  };
  void set(int number, void (*handler)(int));
  std::vector<Before> before_;
  sigset_t mask_before_{};
};

}  // namespace attnlab::launch
