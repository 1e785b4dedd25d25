// other_workers.cpp: who else computes here? Asks /proc, which also knows runs of other databases.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "framework/core/number_in.h"
#include "framework/launch/cell.h"

namespace attnlab::launch {
namespace {

// Ranks of a run of ours are its children.
pid_t parent_of(const std::filesystem::path& process) {
  std::ifstream file(process / "status");
  for (std::string name; file >> name;) {
    pid_t parent = 0;
    if (name == "PPid:" && file >> parent) return parent;
  }
  return 0;
}

}  // namespace

bool other_workers_running(const std::vector<pid_t>& ours) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename().string();
    const auto pid = number_in<pid_t>(name);
    if (!pid || std::ranges::find(ours, *pid) != ours.end()) continue;
    std::string command;
    std::ifstream(entry.path() / "comm") >> command;
    if (command == "attnlab-worker" && std::ranges::find(ours, parent_of(entry.path())) == ours.end()) return true;
  }
  return false;
}

}  // namespace attnlab::launch
