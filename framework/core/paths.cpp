#include "framework/core/paths.h"

#include <cstdlib>

namespace attnlab::paths {
namespace fs = std::filesystem;
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

fs::path user_folder(const char* xdg, const char* under_home) {
  if (const auto folder = variable(xdg); !folder.empty()) return fs::path(folder) / "attnlab";
  const auto home = variable("HOME");
  return home.empty() ? fs::path() : fs::path(home) / under_home / "attnlab";
}

}  // namespace

fs::path executable_dir() { return fs::read_symlink("/proc/self/exe").parent_path(); }

fs::path home() {
  if (const auto folder = variable("ATTNLAB_HOME"); !folder.empty()) return folder;
  const auto installed = executable_dir().parent_path() / "share" / "attnlab";
  return fs::exists(installed) ? installed : fs::path(ATTNLAB_SOURCE_DIR);
}

fs::path worker() {
  if (const auto program = variable("ATTNLAB_WORKER"); !program.empty()) return program;
  return executable_dir() / "attnlab-worker";
}

std::vector<fs::path> plugin_dirs() {
  std::vector<fs::path> folders;
  const std::string listed = variable("ATTNLAB_PLUGIN_PATH");
  for (std::size_t begin = 0; begin < listed.size();) {
    const std::size_t end = std::min(listed.find(':', begin), listed.size());
    if (end > begin) folders.emplace_back(listed.substr(begin, end - begin));
    begin = end + 1;
  }
  if (const auto user = user_folder("XDG_DATA_HOME", ".local/share"); !user.empty()) {
    folders.push_back(user / "plugins");
  }
  folders.push_back(executable_dir().parent_path() / "lib" / "attnlab" / "plugins");
  return folders;
}

fs::path cache_dir() { return user_folder("XDG_CACHE_HOME", ".cache"); }

fs::path default_database() {
  if (const auto file = variable("ATTNLAB_DB"); !file.empty()) return file;
  return fs::path("runs") / "attnlab.db";
}

}  // namespace attnlab::paths
