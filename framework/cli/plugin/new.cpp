// plugin_new.cpp: `attnlab plugin new NAME`: a folder that builds, passes the check and trains.
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "framework/cli/options.h"
#include "framework/cli/plugin/actions.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/paths.h"
#include "framework/core/process.h"
#include "framework/core/text.h"
#include "framework/kit/plugin_template.h"
#include "framework/plugin/catalog.h"

namespace attnlab::cli {
namespace {

namespace fs = std::filesystem;

constexpr char kNewNotes[] = R"(examples
  attnlab plugin new my_idea
  attnlab plugin new my_pattern --segment --dir ~/plugins
  attnlab plugin new my_gate --learned

The plain folder begins with softmax attention in ordinary LibTorch operations; --segment with a plan
for the segment engine, which is fast and needs memory linear in T; --learned with a gate for each
head that training moves. None needs an edit to work.)";

// A plugin of that name would shadow the other or be shadowed by it.
void refuse_taken(const std::string& name) {
  auto taken = paths::home() / "attention_plugins" / name;  // part of attnlab, built or not
  if (!fs::exists(taken)) taken.clear();
  const auto catalog = plugin::Catalog::search();
  for (const auto& found : catalog.all()) {
    if (found.name == name) taken = found.file;
  }
  if (taken.empty()) return;
  throw Error("there is a plugin '" + name + "' already: " + taken.string() +
              ". Choose another name.");
}

// CMake looks for packages beside the programs in PATH.
bool in_path(const fs::path& folder) {
  const char* path = std::getenv("PATH");
  for (const auto& place : split(path == nullptr ? "" : path, ':')) {
    std::error_code failed;
    if (!place.empty() && fs::equivalent(place, folder, failed)) return true;
  }
  return false;
}

void print_next(const std::string& name, const fs::path& folder) {
  const auto bin = paths::executable_dir();
  const bool found = in_path(bin);
  const std::string attnlab = found ? "attnlab" : shell_quoted((bin / "attnlab").string());
  const std::string at = shell_quoted(folder.string()),
                    build = shell_quoted((folder / "build").string());
  const std::string library =
      shell_quoted((folder / "build" / ("attention_" + name + ".so")).string());
  print(fmt::format(
      "\nnext:\n"
      "  cmake -G Ninja -S {} -B {}{}\n"
      "  cmake --build {}\n"
      "  {} plugin check {}\n"
      "  {} run attention={} --plugin {} dataset=digits train=smoke\n"
      "  cmake --install {}     from then on without --plugin\n",
      at, build, found ? "" : " -DCMAKE_PREFIX_PATH=" + shell_quoted(bin.parent_path().string()),
      build, attnlab, library, attnlab, name, build, build));
}

}  // namespace

int plugin_new(Arguments arguments) {
  Options options("plugin new", "NAME [--segment|--learned] [--dir PATH]",
                  "Writes a folder NAME that builds into an attention plugin.");
  options.flag("segment", "begin with a plan for the segment engine")
      .flag("learned", "begin with a learned gate for each head")
      .value("dir", "PATH", "make the folder there (default: here)")
      .notes(kNewNotes);
  const auto parsed = options.parse(arguments);
  if (!parsed) return kExitOk;
  if (parsed->words().size() != 1) {
    const auto found = parsed->words().empty() ? "none" : "'" + join(parsed->words(), " ") + "'";
    throw Error("attnlab plugin new: expected one name, found " + found +
                    ". See attnlab plugin new --help.",
                kExitUsage);
  }
  const auto& name = parsed->words()[0];
  kit::check_plugin_name(name);
  refuse_taken(name);
  const fs::path parent = parsed->text("dir", "");
  if (parsed->has("segment") && parsed->has("learned")) {
    throw Error("--segment and --learned are two beginnings; expected one of them.", kExitUsage);
  }
  const kit::TemplateRequest request{name, parsed->has("segment")   ? "segment"
                                           : parsed->has("learned") ? "learned"
                                                                    : "plain",
                                parent.empty() ? fs::path(".") : parent};
  const auto files = kit::write_template(request, paths::home());
  const auto folder = parent / name;
  print("wrote " + folder.string() + "/: " + join(files, ", ") + "\n");
  print_next(name, folder);
  return kExitOk;
}

}  // namespace attnlab::cli
