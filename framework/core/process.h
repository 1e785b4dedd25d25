/// process.h: facts about processes, from /proc; and words for a shell.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace attnlab {

/// Of a process. Together with the pid, `start_ticks` names it: a pid that is used again has
/// another one. All zero where there is no such process, or only what nobody has waited for yet.
struct ProcessState {
  char state = 0;                // as in /proc/PID/stat: R, S, D, T (stopped), t (traced), ...
  std::int64_t start_ticks = 0;  // since the machine's boot
  [[nodiscard]] bool stopped() const { return state == 'T' || state == 't'; }
};
/// Throws nothing.
[[nodiscard]] ProcessState process_state(std::int64_t pid);

/// The word as a POSIX shell reads it back, in quotes where it needs them: a'b -> 'a'\''b'.
[[nodiscard]] std::string shell_quoted(std::string_view word);

}  // namespace attnlab
