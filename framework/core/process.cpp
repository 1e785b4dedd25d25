#include "framework/core/process.h"

#include <cctype>
#include <sstream>

#include "framework/core/text_file.h"

namespace attnlab {

ProcessState process_state(std::int64_t pid) {
  const auto text = text_in("/proc/" + std::to_string(pid) + "/stat");
  // The second field is the command in parentheses and may hold anything, parentheses too.
  const auto behind_command = text.rfind(')');
  if (behind_command == std::string::npos) return {};
  std::istringstream fields(text.substr(behind_command + 1));
  ProcessState found;
  fields >> found.state;
  for (int field = 4; field <= 22; ++field) fields >> found.start_ticks;
  return !fields || found.state == 'Z' || found.state == 'X' ? ProcessState{} : found;
}

std::string shell_quoted(std::string_view word) {
  constexpr std::string_view kPlain = "_-+=./:,@%";
  bool plain = !word.empty();
  std::string quoted = "'";
  for (const char c : word) {
    plain &= (static_cast<unsigned char>(c) < 0x80 && std::isalnum(static_cast<unsigned char>(c))) ||
             kPlain.find(c) != std::string_view::npos;
    quoted += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return plain ? std::string(word) : quoted + "'";
}

}  // namespace attnlab
