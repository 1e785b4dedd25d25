#include "framework/core/limits.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "framework/core/text.h"

namespace attnlab {
namespace {

namespace fs = std::filesystem;

// Processors that a quota allows; 0: no quota. v2: "30000 100000" or "max 100000" in one file.
double quota_of(const fs::path& file) {
  double quota = 0, period = 0;
  std::ifstream in(file);
  if (!(in >> quota)) return 0;
  if (file.filename() == "cpu.max") {
    in >> period;
  } else {
    period = static_cast<double>(number_in(file.parent_path() / "cpu.cfs_period_us"));
  }
  return quota > 0 && period > 0 ? quota / period : 0;
}

int allowed_processors() {
  // Machines with more than 1024 processors need a larger set; without one the call fails.
  std::vector<cpu_set_t> sets(64);
  const std::size_t bytes = sets.size() * sizeof(cpu_set_t);
  return sched_getaffinity(0, bytes, sets.data()) == 0 ? CPU_COUNT_S(bytes, sets.data()) : 0;
}

std::int64_t smallest_memory(const fs::path& root, const std::string& machine) {
  std::int64_t least = number_in(root / "proc/meminfo", machine);
  if (least > 0) least *= 1024;
  for (const auto& file :
       control_group_files("memory", "memory.max", "memory.limit_in_bytes", root)) {
    const auto limit = number_in(file);
    if (limit > 0 && (least <= 0 || limit < least)) least = limit;
  }
  return std::max<std::int64_t>(0, least);
}

}  // namespace

std::int64_t Processors::threads() const {
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(usable + 1e-6));
}

std::string Processors::text() const {
  const std::string all = std::to_string(machine) + (machine == 1 ? " processor" : " processors");
  return why.empty() ? all : exact_number(usable) + " of " + all + " (" + why + ")";
}

Processors processors(const fs::path& root) {
  Processors found;
  found.machine = std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
  found.usable = found.machine;
  const auto limit = [&](double most, const char* why) {
    if (most > 0 && most < found.usable) found.usable = most, found.why = why;
  };
  limit(allowed_processors(), "affinity");
  for (const auto& file : control_group_files("cpu", "cpu.max", "cpu.cfs_quota_us", root)) {
    limit(quota_of(file), "control group quota");
  }
  return found;
}

std::string crowding(std::int64_t jobs, std::int64_t threads, const Processors& processors) {
  if (static_cast<double>(jobs) * static_cast<double>(threads) <= processors.usable) return {};
  return std::to_string(jobs) + (jobs == 1 ? " job of " : " jobs of ") + std::to_string(threads) +
         (threads == 1 ? " thread on " : " threads on ") + processors.text() +
         ": threads wait for each other and timings mean nothing; lower " +
         (jobs > 1 ? "--jobs or threads" : threads > 1 ? "threads" : "the load, or raise the quota");
}

std::int64_t memory_limit(const fs::path& root) { return smallest_memory(root, "MemTotal:"); }

std::int64_t memory_available(const fs::path& root) {
  return smallest_memory(root, "MemAvailable:");
}

// Lines of /proc/self/cgroup: "ID:CONTROLLERS:PATH"; v2 has no controllers. Inside a container the
// path may not exist; then the top is our own group.
std::vector<fs::path> control_group_files(const std::string& controller, const std::string& v2_file,
                                          const std::string& v1_file, const fs::path& root) {
  std::vector<fs::path> files;
  const auto add = [&](const fs::path& top, const fs::path& group, const std::string& file) {
    const auto below = group.relative_path().lexically_normal();
    for (auto at = below.string().starts_with("..") ? fs::path() : below; !at.empty();
         at = at.parent_path()) {
      files.push_back(top / at / file);
    }
    files.push_back(top / file);
  };
  std::ifstream in(root / "proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const fs::path group = line.substr(second + 1), top = root / "sys/fs/cgroup";
    if (controllers.empty()) {
      add(top, group, v2_file);
    } else if (("," + controllers + ",").find("," + controller + ",") != std::string::npos) {
      add(top / controllers, group, v1_file);
      if (controllers != controller) add(top / controller, group, v1_file);
    }
  }
  return files;
}

std::int64_t number_in(const fs::path& file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string name;
    std::int64_t value = 0;
    if (!key.empty() && (!(words >> name) || name != key)) continue;
    return words >> value ? value : -1;
  }
  return -1;
}

}  // namespace attnlab
