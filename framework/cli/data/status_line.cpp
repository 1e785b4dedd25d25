#include "framework/cli/data/status_line.h"

#include <unistd.h>

#include <cstdio>

namespace attnlab::cli {

StatusLine::StatusLine() : terminal_(::isatty(STDERR_FILENO) == 1), last_(Clock::now()) {}

bool StatusLine::due() const {
  const std::chrono::duration<double> since = Clock::now() - last_;
  return since.count() >= (terminal_ ? 0.2 : 60);
}

void StatusLine::show(const std::string& text) {
  std::fprintf(stderr, terminal_ ? "\r\033[K%s" : "%s\n", text.c_str());
  std::fflush(stderr);
  drawn_ = terminal_;
  last_ = Clock::now();
}

void StatusLine::clear() {
  if (drawn_) std::fprintf(stderr, "\r\033[K");
  drawn_ = false;
}

}  // namespace attnlab::cli
