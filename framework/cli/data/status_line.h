/// status_line.h: how far a long command is: one line on a terminal, rewritten a few times a
///   second; elsewhere a line a minute, so that a log shows it too.
#pragma once

#include <chrono>
#include <string>

namespace attnlab::cli {

class StatusLine {
 public:
  StatusLine();
  ~StatusLine() { clear(); }
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  /// Whether it is time for another text; making one costs something.
  [[nodiscard]] bool due() const;
  void show(const std::string& text);
  /// Takes the line off the terminal, before other output.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  bool terminal_;
  bool drawn_ = false;
  Clock::time_point last_;
};

}  // namespace attnlab::cli
