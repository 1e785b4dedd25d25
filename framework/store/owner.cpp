#include <unistd.h>

#include <fstream>
#include <string>

#include "framework/core/process.h"
#include "framework/store/store.h"

namespace attnlab::store {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
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
  owner.start_ticks = process_state(owner.pid).start_ticks;
  owner.pid_space = pid_space_of_this_process();
  return owner;
}

std::optional<bool> Owner::alive() const {
  const auto here = of_this_process();
  if (host != here.host) return std::nullopt;
  if (boot_id != here.boot_id) return false;  // the machine was restarted since
  if (!pid_space.empty() && pid_space != here.pid_space) return std::nullopt;  // another container
  return start_ticks != 0 && process_state(pid).start_ticks == start_ticks;
}

}  // namespace attnlab::store
