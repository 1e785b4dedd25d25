#include "framework/launch/memory_watch.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace attnlab::launch {
namespace {

namespace fs = std::filesystem;

// The number behind `key` in a file of "key number" lines.
std::optional<std::int64_t> counter(const fs::path& file, const std::string& key) {
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::string name;
    std::int64_t value = 0;
    if (words >> name >> value && name == key) return value;
  }
  return std::nullopt;
}

std::optional<std::int64_t> single_number(const fs::path& file) {
  std::ifstream in(file);
  std::int64_t value = 0;
  if (in >> value) return value;  // "max" is no number: no limit
  return std::nullopt;
}

struct Groups {
  std::vector<fs::path> v1;  // folders from our own group up to the top
  std::vector<fs::path> v2;
};

void add_with_parents(std::vector<fs::path>& folders, const fs::path& top, fs::path group) {
  for (; group.has_relative_path(); group = group.parent_path()) {
    folders.push_back(top / group.relative_path());
  }
  folders.push_back(top);
}

// Lines of /proc/self/cgroup: "ID:CONTROLLERS:PATH"; v2 has no controllers. Inside a container the
// path may not exist; then the top is our own group.
Groups own_groups(const fs::path& root) {
  Groups groups;
  std::ifstream in(root / "proc/self/cgroup");
  std::string line;
  while (std::getline(in, line)) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const fs::path group = line.substr(second + 1);
    if (controllers.empty()) {
      add_with_parents(groups.v2, root / "sys/fs/cgroup", group);
    } else if (("," + controllers + ",").find(",memory,") != std::string::npos) {
      add_with_parents(groups.v1, root / "sys/fs/cgroup/memory", group);
    }
  }
  return groups;
}

}  // namespace

MemoryWatch::MemoryWatch(fs::path root) : root_(std::move(root)), before_(kills()) {}

std::optional<bool> MemoryWatch::killed() const {
  const auto now = kills();
  if (!now || !before_) return std::nullopt;
  return *now > *before_;
}

// The sum over all counters: only its growth matters, so counting one kill twice does no harm.
std::optional<std::int64_t> MemoryWatch::kills() const {
  std::optional<std::int64_t> sum = counter(root_ / "proc/vmstat", "oom_kill");
  const auto add = [&](const std::optional<std::int64_t>& count) {
    if (count) sum = sum.value_or(0) + *count;
  };
  const Groups groups = own_groups(root_);
  for (const auto& folder : groups.v2) add(counter(folder / "memory.events", "oom_kill"));
  for (const auto& folder : groups.v1) add(counter(folder / "memory.oom_control", "oom_kill"));
  return sum;
}

std::int64_t MemoryWatch::limit_bytes() const {
  std::vector<std::int64_t> limits;
  const auto add = [&](const std::optional<std::int64_t>& limit) {
    if (limit && *limit > 0) limits.push_back(*limit);
  };
  const Groups groups = own_groups(root_);
  for (const auto& folder : groups.v2) add(single_number(folder / "memory.max"));
  for (const auto& folder : groups.v1) add(single_number(folder / "memory.limit_in_bytes"));
  if (const auto kib = counter(root_ / "proc/meminfo", "MemTotal:")) add(*kib * 1024);
  return limits.empty() ? 0 : *std::ranges::min_element(limits);
}

}  // namespace attnlab::launch
