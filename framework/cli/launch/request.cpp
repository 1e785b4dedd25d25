#include "framework/cli/launch/request.h"

#include "framework/config/override.h"
#include "framework/config/yaml.h"
#include "framework/core/duration.h"
#include "framework/core/error.h"
#include "framework/core/gpus.h"
#include "framework/core/process.h"
#include "framework/core/text.h"
#include "framework/core/utf8.h"
#include "framework/store/store.h"

namespace attnlab::cli {
namespace {

namespace fs = std::filesystem;

constexpr double kSilenceLimit = 3600;
constexpr const char* kCommandNames[]{"run", "grid", "bench", "fork"};

constexpr char kRunNotes[] = R"(examples
  attnlab run attention=dense dataset=mnist
  attnlab run attention=hash_sparse attention.buckets=16 dataset=enwik8 dataset.length=4096 seed=1
  attnlab run attention=none train.steps=50 --cfg      what would run, as YAML
  attnlab run attention=mine --plugin build/libmine.so

A finished run of the same config, data and code is not repeated. `attnlab describe GROUP/NAME`
lists the keys of a config section. Ctrl-C lets the run finish its step and write a checkpoint; the
same command goes on from there.)";

constexpr char kForkNotes[] = R"(examples
  attnlab fork 3@4300 attention=hash_sparse attention.buckets=16 train.steps=1000
  attnlab fork 3@best train.learning_rate=1e-4         RUN alone is its newest checkpoint

The model's own weights are the checkpoint's; what the attention owns is taken over where it is the same
attention, else it begins anew. Optimiser and schedule begin anew. The checkpoint's digest is part of
the new run's config (train.initial), and so of its fingerprint.)";

constexpr char kGridNotes[] = R"text(examples
  attnlab grid attention=dense,hash_sparse,none dataset=mnist seed=0,1
  attnlab grid attention=dense,hash_sparse hash_sparse.buckets=8,16      three cells
  attnlab grid 'seed=range(5)' 'train.learning_rate=choice(1e-3,3e-4)' --study rates --jobs 2
  attnlab grid attention=dense,none dataset.length=256,1024 --where 'dataset.length<=256' --plan
  attnlab grid 'train.learning_rate=logspace(1e-4,1e-2,5)' --where 'seed in [0,1] or attention==none'
  attnlab grid 'sizes=zip(model.width=choice(64,128),model.heads=choice(4,8))'     two cells, not four
  attnlab grid attention=dense,hash_sparse,none dataset=mnist --until-significant --most 12 --study sure
  attnlab grid 'train.batch_size=${div:8192,${dataset.length}}' dataset.length=256,512

Values: a,b,c  choice()  range(start,stop,step)  linspace() and logspace(first,last,count)  glob()
zip(KEY=sweep,...), under any name. A file in experiments/ has its own in a mapping, which typed
values replace:
  sweep: {attention: "dense,none", seed: [0, 1], train.learning_rate: "logspace(1e-4,1e-2,5)"}
--where: == != < <= > >= in [..], and or not, + - * / // % and brackets.
${KEY}, ${oc.env:NAME,default}, ${add|sub|mul|div|floordiv|mod|pow|min|max|...:a,b}, ${eval:'a*(b+1)'}.

The cells are the product of all swept values; the last axis varies fastest. An override that begins
with a variant's name applies to that variant only (hash_sparse.buckets, hash_sparse.train.steps,
hash_sparse.seed, hash_sparse.model), and cells that come out identical become one.
--until-significant adds seeds, from `seed` on, to all undecided variants and to what they are compared
with, and looks after 3, 4, 5, ... of them: paired t tests, Holm's correction, and levels such that all
looks together call anything different by mistake with probability --alpha. The plan and every look are
stored before more is run; the same command goes on, another plan is refused. --plan shows the levels.

All cells are checked before the first one runs. Started again, a grid runs what is missing; two
grids on one database share the work. With --jobs above 1 speeds are marked `shared`: runs beside
each other slow each other down. --jobs auto: one run on each GPU and, of those on a CPU, as many as this
process may use processors for, by control groups and affinity. A run has its GPU for itself, whatever other
grids of yours there are on this host, unless all of them are told --per-gpu N; a cell waits until one is free.

  attnlab grid attention=dense,hash_sparse seed=range(20) --launcher slurm --partition gpu --time 4:00:00 \
      --gres gpu:1 --sbatch --mem=32G --runs-dir ~/attnlab-runs
With --launcher slurm the cells are job arrays. Ctrl-C leaves the jobs to Slurm, as --detach does, and the same
command picks them up again; a second Ctrl-C within 5 s cancels them. Jobs that are preempted, requeued, out of
time or on a node that failed go on from their checkpoint. The database stays on a local disk of this host;
--runs-dir must be a folder that this host and all nodes see, and so must be the program.

Runs that are stopped (Ctrl-C, SIGTERM, SIGUSR1, SIGUSR2, --time-limit) write a checkpoint first, and the
same command goes on from there; so it does from the last checkpoint of a run that died or failed.

exit codes: 0 all done, 3 runs failed, 75 stopped: try again (130 by Ctrl-C), 1 nothing could be
started, 2 usage)text";

fs::path absolute(const std::string& path) { return fs::absolute(path).lexically_normal(); }

std::vector<fs::path> absolute_all(const std::vector<std::string>& paths) {
  std::vector<fs::path> result;
  for (const auto& path : paths) result.push_back(absolute(path));
  return result;
}

// One override a line; blank lines and those that begin with # are left out.
void add_overrides(const std::string& file, std::vector<std::string>& overrides) {
  for (const auto& line : split(config::read_config_file(file, file), '\n')) {
    const auto word = trimmed(line, " \t\r");
    if (!word.empty() && word[0] != '#') overrides.push_back(word);
  }
}

// Which GPU it is, is no part of a run: device=cuda:1 is device=cuda with --gpus 1.
std::string gpu_in(std::vector<std::string>& overrides) {
  constexpr std::string_view kKey = "device=cuda:";
  std::string gpu;
  for (auto& word : overrides) {
    if (!word.starts_with(kKey)) continue;
    const auto number = word.substr(kKey.size());
    if (number.empty() || number.find_first_not_of("0123456789") != number.npos || (!gpu.empty() && gpu != number)) {
      throw Error("'" + word + "': which GPU it is, is no part of a run. Expected one (device=cuda:1), or device=cuda with "
                  "--gpus 0,1 for several.", kExitUsage);
    }
    gpu = number;
    word = "device=cuda";
  }
  return gpu;
}

void choose_gpus(const ParsedOptions& parsed, LaunchRequest& request) {
  const auto named = gpu_in(request.overrides);
  const auto list = parsed.text("gpus", named);
  if (!named.empty() && list != named) {
    throw Error("device=cuda:" + named + " and --gpus " + list + " are two answers; give one", kExitUsage);
  }
  if (parsed.has("gpus") || !named.empty()) machine::show_only_gpus(list);
  request.per_gpu = static_cast<int>(parsed.integer("per-gpu", 1, 1, 64));
  const bool automatic = parsed.text("jobs", parsed.has("gpus") ? "auto" : "1") == "auto";
  request.jobs = automatic ? 0 : static_cast<int>(parsed.integer("jobs", 1, 1, 4096));
}

// So that it can be pasted into a shell.
std::string command_line(const char* name, Arguments arguments) {
  std::string line = std::string("attnlab ") + name;
  for (const auto& word : arguments) line += " " + shell_quoted(word);
  return line;
}

}  // namespace

void add_plugin_options(Options& options) {
  options.value("plugin", "PATH", "library or folder with attention plugins; may be repeated")
      .value("config-dir", "DIR", "folder with more config groups; may be repeated");
}

void add_source_options(Options& options) {
  options.value("data", "DIR", "folder searched first for data (then ATTNLAB_DATA, ~/.cache/attnlab)");
  add_plugin_options(options);
}

Options launch_options(LaunchKind kind) {
  const bool grid = kind == LaunchKind::grid, fork = kind == LaunchKind::fork;
  Options options(kCommandNames[static_cast<std::size_t>(kind)],
                  fork ? "RUN@STEP [options] [overrides]" : "[options] [overrides]",
                  grid   ? "Runs every combination of the swept values, each in a process of its own."
                  : fork ? "A new run of RUN's config with other values, from the weights that RUN had at STEP."
                         : "One run, in a process of its own.");
  add_source_options(options.database());
  options
      .value("overrides", "FILE", "one override a line, before those typed; may be repeated")
      .value("study", "NAME", "name under which the runs are grouped; short for study=NAME")
      .value("retries", "N", "start a run that failed so many times again (default: 0)")
      .flag("take-over", "give up runs that a Slurm job has which cannot be asked for, and go on with them here")
      .flag("from-scratch", "begin anew where an attempt was stopped, not at its last checkpoint")
      .value("gpus", "LIST", "the GPUs that are used, as 0,1 or all (default: all that are shown)")
      .value("per-gpu", "N", "runs that may share a GPU (default: 1)")
      .value("time-limit", "TIME", "stop cleanly after so long (90s, 30m, 3h) with exit code 75")
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
    options.value("j,jobs", "N", "runs at a time (default: 1), or auto; with --gpus: auto")
        .value("where", "CONDITION", "keep the cells for which it holds; several must all hold")
        .flag("fail-fast", "the first failure stops the rest");
    add_slurm_options(options);
  }
  options.notes(grid ? kGridNotes : fork ? kForkNotes : kRunNotes);
  return options;
}

LaunchRequest read_launch_request(LaunchKind kind, const ParsedOptions& parsed,
                                  Arguments arguments) {
  LaunchRequest request;
  for (const auto& file : parsed.texts("overrides")) add_overrides(file, request.overrides);
  request.overrides.insert(request.overrides.end(), parsed.words().begin(), parsed.words().end());
  for (const auto& word : request.overrides) {
    if (!text::is_utf8(word)) {
      throw Error("override '" + text::replace_ill_formed(word) + "' is not UTF-8; expected text. Type it again.", kExitUsage);
    }
  }
  if (const auto study = parsed.text("study")) {
    request.overrides.push_back("study=" + config::as_literal(*study));
  }
  request.where = parsed.texts("where");
  request.database = store::database_path(parsed.database());
  if (const auto data = parsed.text("data")) request.data_dir = absolute(*data).string();
  request.plugins = absolute_all(parsed.texts("plugin"));
  request.config_dirs = absolute_all(parsed.texts("config-dir"));
  request.command = command_line(kCommandNames[static_cast<std::size_t>(kind)], arguments);
  request.slurm = read_slurm_request(parsed);
  choose_gpus(parsed, request);
  request.retries = static_cast<int>(parsed.integer("retries", 0, 0, 1000));
  if (const auto limit = parsed.text("time-limit")) {
    request.time_limit = duration_from(*limit).value_or(0);
    if (request.time_limit <= 0) {
      throw Error("--time-limit: '" + *limit + "' is no time; expected 90s, 30m or 1h30m", kExitUsage);
    }
  }
  request.patience = parsed.real("patience", request.patience);
  request.silence_limit = parsed.real("hang-limit", kSilenceLimit);
  request.fail_fast = parsed.has("fail-fast");
  request.from_scratch = parsed.has("from-scratch");
  request.take_over = parsed.has("take-over");
  if (const auto reuse = parsed.text("reuse", "config"); reuse != "config") {
    throw Error("--reuse: expected 'config', found '" + reuse + "'", kExitUsage);
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
