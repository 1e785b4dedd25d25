#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "framework/store/store.h"

namespace attnlab::store {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// Field 22 of /proc/PID/stat; 0 where there is no such process.
std::int64_t start_ticks_of(std::int64_t pid) {
  const auto line = first_line("/proc/" + std::to_string(pid) + "/stat");
  // The second field is the command in parentheses and may hold blanks and parentheses itself.
  const auto behind_command = line.rfind(')');
  if (behind_command == std::string::npos) return 0;
  std::istringstream fields(line.substr(behind_command + 1));
  std::string state;
  fields >> state;
  if (state == "Z" || state == "X") return 0;  // a zombie runs no more
  std::int64_t value = 0;
  for (int field = 4; field <= 22; ++field) fields >> value;
  return fields ? value : 0;
}

std::string pid_space_of_this_process() {
  char text[64] = {};
  const auto size = ::readlink("/proc/self/ns/pid", text, sizeof text - 1);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

}  // namespace

Owner Owner::of_this_process() {
  Owner owner;
  owner.host = host_name();
  owner.boot_id = first_line("/proc/sys/kernel/random/boot_id");
  owner.pid = ::getpid();
  owner.start_ticks = start_ticks_of(owner.pid);
  owner.pid_space = pid_space_of_this_process();
  return owner;
}

std::optional<bool> Owner::alive() const {
  const auto here = of_this_process();
  if (host != here.host) return std::nullopt;
  if (boot_id != here.boot_id) return false;  // the machine was restarted since
  if (!pid_space.empty() && pid_space != here.pid_space) return std::nullopt;  // another container
  return start_ticks != 0 && start_ticks_of(pid) == start_ticks;
}

}  // namespace attnlab::store
