/// process_state.h: what all code in a process shares, and a plugin must leave as it found it.
#pragma once

#include <array>
#include <csignal>
#include <cstdint>
#include <exception>
#include <locale>
#include <string>
#include <vector>

namespace attnlab {

/// How it was at one moment: LibTorch's number of threads, default dtype and switches, the number formats of
/// this thread's processor, what signals do, locale, working folder. Takes some microseconds. What cannot be
/// read without a change (umask) or means nothing by itself (variables, open files) is not in it.
class ProcessState {
 public:
  ProcessState();

  /// What is different by now, in words: "the number of LibTorch's threads: 2, now 7"; empty where nothing is.
  [[nodiscard]] std::string changes() const;
  /// Puts all of it back; does nothing where nothing is different.
  void restore() const;
  /// Where something is different: restores it and throws Error. `who` is "attention plugin 'x' (FILE), layer 0",
  /// `doing` is "create", "forward" ...
  void expect_unchanged(const std::string& who, const std::string& doing) const;

 private:
  std::vector<std::int64_t> numbers_;  // of the table in process_state.cpp
  std::array<struct sigaction, 32> actions_{};
  sigset_t blocked_{};
  std::terminate_handler terminate_;
  std::locale cpp_locale_;
  std::string c_locale_, folder_;
};

/// Puts the process back at the end of a scope.
class RestoredProcess {
 public:
  RestoredProcess() = default;
  RestoredProcess(const RestoredProcess&) = delete;
  RestoredProcess& operator=(const RestoredProcess&) = delete;
  ~RestoredProcess() { before_.restore(); }

 private:
  ProcessState before_;
};

}  // namespace attnlab
