/// stop_signals.h: Ctrl-C and SIGTERM as something to ask for, not something that strikes.
#pragma once

namespace attnlab::launch {

/// While one lives, SIGINT, SIGTERM and SIGHUP are counted instead of ending the process; SIGPIPE
/// is ignored. One at a time.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  [[nodiscard]] int count() const;    // 1: finish cleanly, 2 and more: now
  [[nodiscard]] int wake_fd() const;  // readable when one has come, for poll()
  void drain() const;                 // makes wake_fd() quiet again
};

}  // namespace attnlab::launch
