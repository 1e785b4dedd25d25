#include "framework/plugin/catalog.h"

#include <algorithm>
#include <system_error>

#include "framework/config/bind.h"
#include "framework/config/override.h"
#include "framework/config/run_config.h"
#include "framework/core/error.h"
#include "framework/core/paths.h"
#include "framework/core/process.h"
#include "framework/core/text.h"
#include "framework/plugin/needed.h"

namespace attnlab::plugin {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "attention_";

std::string name_from(const fs::path& file) {
  const std::string stem = file.stem().string();
  return stem.starts_with(kPrefix) ? stem.substr(kPrefix.size()) : stem;
}

std::vector<fs::path> libraries_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    if (entry->path().extension() == ".so") files.push_back(entry->path());
  }
  if (failed) throw Error(folder.string() + ": cannot be listed: " + failed.message());
  std::sort(files.begin(), files.end());
  return files;
}

bool anybody_may_write(const fs::path& folder) {
  std::error_code failed;
  const auto status = fs::status(folder, failed);
  return !failed && (status.permissions() & fs::perms::others_write) != fs::perms::none;
}

std::string without_path(const std::string& message, const fs::path& file) {
  const std::string prefix = file.string() + ": ";
  return message.starts_with(prefix) ? message.substr(prefix.size()) : message;
}

// Why a folder that was named gives no plugin, and what would.
std::string no_library_in(const fs::path& folder) {
  const auto build = folder / "build";
  std::string text = "--plugin " + folder.string() + ": the folder holds no plugin library (*.so). ";
  if (fs::is_directory(build) && !libraries_in(build).empty()) {
    return text + "Its build folder does: --plugin " + shell_quoted(build.string());
  }
  if (fs::exists(folder / "CMakeCache.txt")) {
    return text + "It is a build folder, so its build has not ended: cmake --build " +
           shell_quoted(folder.string());
  }
  if (fs::exists(folder / "CMakeLists.txt")) {
    const auto to = shell_quoted(build.string());
    return text + "It holds sources" + (fs::exists(build) ? ", and their build has not ended" : "") +
           ":\n  cmake -G Ninja -S " + shell_quoted(folder.string()) + " -B " + to + "\n  cmake --build " + to +
           "\nThen: --plugin " + to;
  }
  return text + "Expected a library, or a folder of them.";
}

FoundPlugin examine(const fs::path& file, const HostFacts& host) {
  FoundPlugin found{.name = name_from(file),
                    .file = file,
                    .facts = {},
                    .problem = {},
                    .details = {},
                    .shadowed_by = {}};
  try {
    found.facts = read_plugin_note(file);
  } catch (const Error& error) {
    found.problem = without_path(error.what(), file);
    found.details = error.what();
    return found;
  }
  found.name = found.facts->note.name.view();
  const Verdict verdict = judge(host, *found.facts);
  if (!verdict.fits()) {
    found.problem = verdict.summary();
    found.details = file.string() + ": cannot be loaded into this attnlab\n" + verdict.table();
    return found;
  }
  static const auto host_has = host_folders();
  try {
    auto needed = needed_libraries(file, host_has);
    found.own_libraries = std::move(needed.own);
    found.problem = needed.missing;
  } catch (const Error& error) {
    found.problem = without_path(error.what(), file);
  }
  if (!found.problem.empty()) {
    found.details = file.string() + ": " + found.problem +
                    ". Install that library, or link the plugin with -Wl,-rpath,FOLDER.";
  }
  return found;
}

}  // namespace

Catalog Catalog::search(const std::vector<fs::path>& first) {
  for (const auto& place : first) {
    if (!fs::exists(place)) {
      throw Error("--plugin " + place.string() +
                  ": no such file or folder; expected a plugin library or a folder of them.");
    }
    if (fs::is_directory(place) && libraries_in(place).empty()) throw Error(no_library_in(place));
  }
  auto places = first;
  const auto standard = paths::plugin_dirs();
  places.insert(places.end(), standard.begin(), standard.end());
  return of(places, host_facts(), standard.back());
}

Catalog Catalog::of(const std::vector<fs::path>& places, const HostFacts& host,
                    const fs::path& shipped) {
  Catalog catalog;
  for (const auto& place : places) catalog.add_place(fs::absolute(place).lexically_normal(), host);
  catalog.mark_duplicates();
  catalog.mark_taken_names(shipped);
  return catalog;
}

void Catalog::add_place(const fs::path& place, const HostFacts& host) {
  if (std::find(looked_.begin(), looked_.end(), place) != looked_.end()) return;
  looked_.push_back(place);
  if (!fs::exists(place)) return;
  const bool is_folder = fs::is_directory(place);
  const fs::path folder = is_folder ? place : place.parent_path();
  if (anybody_may_write(folder)) {
    warnings_.push_back("anybody may write into the plugin folder " + folder.string() +
                        ", and so run code as you; chmod o-w " + shell_quoted(folder.string()));
  }
  if (!is_folder) return add_file(place, host);
  for (const auto& file : libraries_in(place)) add_file(file, host);
}

void Catalog::add_file(const fs::path& file, const HostFacts& host) {
  const auto same = [&](const FoundPlugin& other) {
    std::error_code failed;
    return fs::equivalent(other.file, file, failed);
  };
  if (std::any_of(found_.begin(), found_.end(), same)) return;
  FoundPlugin found = examine(file, host);
  const auto earlier = std::find_if(found_.begin(), found_.end(), [&](const FoundPlugin& other) {
    return other.name == found.name && other.file.parent_path() != file.parent_path();
  });
  if (earlier != found_.end()) found.shadowed_by = earlier->file;
  found_.push_back(std::move(found));
}

// Two libraries of one name in one folder: which one wins would hang on the file system's order.
void Catalog::mark_duplicates() {
  for (auto& one : found_) {
    for (const auto& other : found_) {
      if (&one == &other || one.name != other.name || !one.facts || !other.facts) continue;
      if (one.file.parent_path() != other.file.parent_path()) continue;
      one.problem = "the name '" + one.name + "' is also that of " +
                    other.file.filename().string() + " in the same folder";
      one.details = "two plugins in one folder are named '" + one.name + "':\n  " +
                    std::min(one.file, other.file).string() + "\n  " +
                    std::max(one.file, other.file).string() + "\nRemove or rename one of them.";
    }
  }
}

void Catalog::mark_taken_names(const fs::path& shipped) {
  for (auto& one : found_) {
    if (!one.problem.empty()) continue;
    std::string whose;
    if (is_reserved(one.name)) whose = "something else on a command line";
    for (const auto& own : found_) {
      const bool taken = own.name == one.name && own.facts && own.file.parent_path() == shipped &&
                         one.file.parent_path() != shipped;
      // A copy of the same sources is the same variant.
      if (taken && own.facts->note.source_digest.view() != one.facts->note.source_digest.view()) {
        whose = "attnlab's own plugin " + own.file.string();
      }
    }
    if (whose.empty()) continue;
    one.problem = "the name '" + one.name + "' is that of " + whose;
    one.details = one.file.string() + ": " + one.problem +
                  ", and would be taken for it. Change `.name` in its PluginFacts "
                  "and `name:` in its config.yaml, and build it again.";
  }
}

bool is_reserved(const std::string& name) {
  for (const auto* word : {"model", "train", "dataset", "data", "attention", "experiment", "bench",
                           "engine", "reshape"}) {
    if (name == word) return true;
  }
  const auto keys = config::parameters_of<config::RunConfig>();
  if (std::ranges::find(keys, name, &config::Parameter::name) != keys.end()) return true;
  const auto override = config::parse_override("attention=" + name);
  return !std::holds_alternative<std::string>(override.values.at(0).value());
}

std::vector<std::string> Catalog::names() const {
  std::vector<std::string> list;
  for (const auto& found : found_) {
    // A stray library is listed, but its file name is no variant.
    const bool claims = found.facts || found.file.filename().string().starts_with(kPrefix);
    if (claims && std::find(list.begin(), list.end(), found.name) == list.end()) {
      list.push_back(found.name);
    }
  }
  return list;
}

const FoundPlugin& Catalog::get(const std::string& name) const {
  for (const auto& found : found_) {
    if (found.name != name || !found.shadowed_by.empty()) continue;
    if (!found.problem.empty()) throw Error("attention '" + name + "': " + found.details);
    return found;
  }
  std::string message =
      "unknown attention '" + name + "'." + did_you_mean(name, names()) + "\nLooked in:";
  for (const auto& found : found_) {
    if (name_from(found.file) != name || !found.facts) continue;
    message = "unknown attention '" + name + "': " + found.file.string() + " calls itself '" +
              found.name + "', by `.name` in its PluginFacts. Use attention=" + found.name +
              ", or change the name there and build it again.\nLooked in:";
  }
  for (const auto& place : looked_) {
    message += "\n  " + place.string() + (fs::exists(place) ? "" : "  (does not exist)");
  }
  throw Error(message + "\nAdd a folder or library with --plugin PATH or ATTNLAB_PLUGIN_PATH.");
}

}  // namespace attnlab::plugin
