#include "framework/launch/environment.h"

#include <sys/utsname.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "framework/core/limits.h"
#include "framework/core/text.h"
#include "framework/launch/command.h"

namespace attnlab::launch {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kDiffBytes = 256 << 10;

// The text behind "key   : " in the first such line, or "".
std::string value_of(const fs::path& file, const std::string& key) {
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line)) {
    const auto colon = line.find(':');
    if (colon != std::string::npos && trimmed(line.substr(0, colon)) == key) {
      return trimmed(line.substr(colon + 1));
    }
  }
  return {};
}

// Those that decide how fast attention can be; the whole list has hundreds.
std::string instruction_sets(const fs::path& cpuinfo) {
  static const std::vector<std::string> kInteresting{
      "sse4_2",   "avx",         "f16c",        "fma",         "avx2",     "avx512f",
      "avx512bw", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16",
      "amx_int8", "asimd",       "sve",         "bf16"};
  std::string flags = value_of(cpuinfo, "flags");
  if (flags.empty()) flags = value_of(cpuinfo, "Features");  // ARM
  const auto words = split(flags, ' ');
  std::vector<std::string> found;
  for (const auto& name : kInteresting) {
    if (std::ranges::find(words, name) != words.end()) found.push_back(name);
  }
  return join(found, " ");
}

// The driver tells without its library: model names, e.g. "2 x NVIDIA H200".
std::string gpus(const fs::path& root) {
  std::multiset<std::string> models;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root / "proc/driver/nvidia/gpus", error)) {
    models.insert(value_of(entry.path() / "information", "Model"));
  }
  std::vector<std::string> parts;
  for (auto it = models.begin(); it != models.end(); it = models.upper_bound(*it)) {
    parts.push_back(std::to_string(models.count(*it)) + " x " + *it);
  }
  return join(parts, ", ");
}

std::string memory_bytes(const fs::path& meminfo) {
  const std::string kib = value_of(meminfo, "MemTotal");
  return kib.empty() ? "" : std::to_string(std::stoll(kib) * 1024);
}

}  // namespace

store::Facts machine_facts(const fs::path& root) {
  store::Facts facts;
  const auto add = [&](const char* name, const std::string& text) {
    if (!text.empty()) facts.emplace_back(name, text);
  };
  utsname system{};
  if (::uname(&system) == 0) {
    add("host", system.nodename);
    add("kernel", std::string(system.sysname) + " " + system.release + " " + system.machine);
  }
  add("cpu", value_of(root / "proc/cpuinfo", "model name"));
  add("cores", std::to_string(processors(root).machine));
  add("processors", processors(root).text());
  add("instruction_sets", instruction_sets(root / "proc/cpuinfo"));
  add("memory_bytes", memory_bytes(root / "proc/meminfo"));
  add("gpu", gpus(root));
  add("gpu_driver", value_of(root / "proc/driver/nvidia/version", "NVRM version"));
  return facts;
}

store::Facts source_facts(const fs::path& folder) {
  // An installation knows what it was installed from; the repository around it is another one.
  if (std::ifstream installed(folder / "source_facts"); installed) {
    store::Facts facts;
    for (std::string line; std::getline(installed, line);) {
      const auto equals = std::min(line.find('='), line.size());
      if (equals < line.size()) facts.emplace_back(line.substr(0, equals), line.substr(equals + 1));
    }
    return facts;
  }
  // It is somebody's working tree: no index is refreshed there, no lock taken, no tool of theirs run;
  // and what a git hook that started us has set is of another one.
  const auto git = [&](std::vector<std::string> words, std::size_t limit) {
    words.insert(words.begin(), {"env", "-u", "GIT_DIR", "-u", "GIT_WORK_TREE", "-u", "GIT_INDEX_FILE",
                                 "git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C",
                                 folder.string()});
    return output_of(words, limit);
  };
  const auto commit = git({"rev-parse", "HEAD"}, 1024);
  if (!commit) return {};
  const auto changes = git({"status", "--porcelain"}, kDiffBytes);
  const bool dirty = changes && !changes->empty();
  store::Facts facts{{"git_commit", trimmed(*commit)}, {"git_dirty", dirty ? "1" : "0"}};
  if (!dirty) return facts;
  facts.emplace_back("git_changes", trimmed(*changes));
  const auto diff = git({"diff", "--no-ext-diff", "--no-textconv", "HEAD"}, kDiffBytes);
  if (diff) facts.emplace_back("git_diff", *diff);
  return facts;
}

}  // namespace attnlab::launch
