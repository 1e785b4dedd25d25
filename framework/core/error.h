/// error.h: the one exception for what a user can mend.
#pragma once

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace attnlab {

/// Exit codes of both programs, so that scripts can tell the cases apart.
enum ExitCode : int {
  kExitOk = 0,
  kExitError = 1,        // an Error was printed
  kExitUsage = 2,        // unknown command or option
  kExitRunsFailed = 3,   // the grid finished, but some of its runs failed
  kExitAgain = 75,       // stopped before its end, cleanly: the same command goes on from there
  kExitInterrupted = 130,  // by Ctrl-C
};

/// The message says what was wrong, what was expected, and what to do.
/// Each boundary that knows more adds a line in front: `throw error.within("while loading x")`.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, int exit_code = kExitError)
      : std::runtime_error(message), exit_code_(exit_code) {}

  [[nodiscard]] Error within(const std::string& context) const {
    return Error(context + ":\n  " + what(), exit_code_);
  }
  [[nodiscard]] int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

/// "WHAT: No such file or directory", for what the system has just refused: the reason is the one in errno.
[[nodiscard]] inline Error errno_error(const std::string& what) { return Error(what + ": " + std::strerror(errno)); }

}  // namespace attnlab
