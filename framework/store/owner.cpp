#include <unistd.h>

#include <fstream>
#include <string>

#include "framework/core/process.h"
#include "framework/store/store.h"

namespace attnlab::store {
namespace {

const std::string kSlurm = "slurm:";  // in the place of a pid namespace, which is "pid:[4026531836]"

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

Owner Owner::of_slurm(const std::string& cluster, std::int64_t job, std::int64_t task) {
  return {.host = "", .boot_id = "", .pid = job, .start_ticks = task, .pid_space = kSlurm + cluster};
}

bool Owner::in_slurm() const { return pid_space.starts_with(kSlurm); }

std::string Owner::cluster() const { return in_slurm() ? pid_space.substr(kSlurm.size()) : ""; }

std::optional<bool> Owner::alive() const {
  if (in_slurm()) return std::nullopt;
  const auto here = of_this_process();
  if (host != here.host) return std::nullopt;
  if (boot_id != here.boot_id) return false;  // the machine was restarted since
  if (!pid_space.empty() && pid_space != here.pid_space) return std::nullopt;  // another container
  return start_ticks != 0 && process_state(pid).start_ticks == start_ticks;
}

}  // namespace attnlab::store
