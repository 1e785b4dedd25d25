#include "framework/cli/launch/request.h"

#include "framework/core/error.h"
#include "framework/core/paths.h"
#include "framework/core/process.h"
#include "framework/core/text.h"
#include "framework/store/store.h"

namespace attnlab::cli {
namespace {

namespace fs = std::filesystem;

constexpr double kSilenceLimit = 3600;
constexpr const char* kCommandNames[]{"run", "grid", "bench"};

constexpr char kRunNotes[] = R"(examples
  attnlab run attention=dense dataset=mnist
  attnlab run attention=hash_sparse attention.buckets=16 dataset=enwik8 dataset.length=4096 seed=1
  attnlab run attention=none train.steps=50 --cfg      what would run, as YAML
  attnlab run attention=mine --plugin build/libmine.so

A finished run of the same config, data and code is not repeated. `attnlab describe GROUP/NAME`
lists the keys of a config section. Ctrl-C lets the run finish its step; the next start begins anew.)";

constexpr char kGridNotes[] = R"(examples
  attnlab grid attention=dense,hash_sparse,none dataset=mnist seed=0,1
  attnlab grid attention=dense,hash_sparse hash_sparse.buckets=8,16      three cells
  attnlab grid 'seed=range(5)' 'train.learning_rate=choice(1e-3,3e-4)' --study rates --jobs 2
  attnlab grid attention=dense,none dataset.length=256,1024 --where 'dataset.length<=256' --plan

The cells are the product of all swept values; the last axis varies fastest. An override that begins
with a variant's name applies to that variant only, and cells that come out identical become one.
All cells are checked before the first one runs. Started again, a grid runs what is missing; two
grids on one database share the work. With --jobs above 1 speeds are marked `shared`: runs beside
each other slow each other down.

exit codes: 0 all done, 3 runs failed, 130 interrupted, 1 nothing could be started, 2 usage)";

fs::path absolute(const std::string& path) { return fs::absolute(path).lexically_normal(); }

std::vector<fs::path> absolute_all(const std::vector<std::string>& paths) {
  std::vector<fs::path> result;
  for (const auto& path : paths) result.push_back(absolute(path));
  return result;
}

// As an override's value: quoted, so that any name passes the grammar.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text)
    result += c == '\'' || c == '\\' ? std::string{'\\', c} : std::string{c};
  return result + "'";
}

// So that it can be pasted into a shell.
std::string command_line(const char* name, Arguments arguments) {
  std::string line = std::string("attnlab ") + name;
  for (const auto& word : arguments) line += " " + shell_quoted(word);
  return line;
}

}  // namespace

Options launch_options(LaunchKind kind) {
  const bool grid = kind == LaunchKind::grid;
  Options options(grid ? "grid" : "run", "[options] [overrides]",
                  grid ? "Runs every combination of the swept values, each in a process of its own."
                       : "One run, in a process of its own.");
  options.value("db", "FILE", "results database (default: ATTNLAB_DB, else runs/attnlab.db)")
      .value("data", "DIR", "folder searched first for data (then ATTNLAB_DATA, ~/.cache/attnlab)")
      .value("plugin", "PATH", "library or folder with attention plugins; may be repeated")
      .value("config-dir", "DIR", "folder with more config groups; may be repeated")
      .value("study", "NAME", "name under which the runs are grouped; short for study=NAME")
      .value("retries", "N", "start a run that failed so many times again (default: 0)")
      .value("patience", "SECONDS",
             "how long a database that is locked or full is tried again (default: 60)")
      .value("hang-limit", "SECONDS",
             "kill a worker that reports nothing for so long; 0: never (default: 3600)")
      .value("reuse", "config",
             "a finished run of the same config and data counts, whatever its code")
      .flag("cfg", "print the composed config, run nothing")
      .flag("origin", "print every value of the config and where it comes from, run nothing")
      .flag("plan", "print what would run, what is done, what is refused and why; run nothing")
      .flag("quiet", "no progress")
      .flag("json", "print what came of it as JSON");
  if (grid) {
    options.value("j,jobs", "N", "runs at a time (default: 1)")
        .value("where", "CONDITION", "keep the cells for which it holds: 'train.steps<=100'")
        .flag("fail-fast", "the first failure stops the rest");
  }
  options.notes(grid ? kGridNotes : kRunNotes);
  return options;
}

LaunchRequest read_launch_request(LaunchKind kind, const ParsedOptions& parsed,
                                  Arguments arguments) {
  LaunchRequest request;
  request.overrides = parsed.words();
  if (const auto study = parsed.text("study")) {
    request.overrides.push_back("study=" + quoted(*study));
  }
  request.where = parsed.text("where", "");
  request.database = store::database_path(parsed.text("db", paths::default_database().string()));
  if (const auto data = parsed.text("data")) request.data_dir = absolute(*data).string();
  request.plugins = absolute_all(parsed.texts("plugin"));
  request.config_dirs = absolute_all(parsed.texts("config-dir"));
  request.command = command_line(kCommandNames[static_cast<std::size_t>(kind)], arguments);
  request.jobs = static_cast<int>(parsed.integer("jobs", 1, 1));
  request.retries = static_cast<int>(parsed.integer("retries", 0, 0));
  request.patience = parsed.real("patience", request.patience);
  request.silence_limit = parsed.real("hang-limit", kSilenceLimit);
  request.fail_fast = parsed.has("fail-fast");
  if (const auto reuse = parsed.text("reuse"); reuse && *reuse != "config") {
    throw Error("--reuse: expected 'config', found '" + *reuse + "'", kExitUsage);
  }
  request.reuse_config = parsed.has("reuse");
  request.show_config = parsed.has("cfg");
  request.show_origin = parsed.has("origin");
  request.show_plan = parsed.has("plan");
  request.quiet = parsed.has("quiet");
  request.json = parsed.has("json");
  for (const auto& folder : request.config_dirs) {
    if (!fs::is_directory(folder)) {
      throw Error("--config-dir: there is no folder '" + folder.string() + "'", kExitUsage);
    }
  }
  return request;
}

}  // namespace attnlab::cli
