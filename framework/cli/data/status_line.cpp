#include "framework/cli/data/status_line.h"

#include <unistd.h>

#include <cstdio>

#include "framework/core/output.h"

namespace attnlab::cli {

constexpr char kErase[] = "\r\033[K";

StatusLine::StatusLine() : terminal_(::isatty(STDERR_FILENO) == 1), last_(Clock::now()) {}

bool StatusLine::due() const {
  const std::chrono::duration<double> since = Clock::now() - last_;
  return since.count() >= (terminal_ ? 0.2 : 60);
}

void StatusLine::show(const std::string& text) {
  if (terminal_) std::fputs(kErase, stderr);
  notice(terminal_ ? text : text + "\n");
  drawn_ = terminal_;
  last_ = Clock::now();
}

void StatusLine::clear() {
  if (drawn_) std::fputs(kErase, stderr);
  drawn_ = false;
}

}  // namespace attnlab::cli
