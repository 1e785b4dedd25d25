#include "framework/launch/slurm/script.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>

#include "framework/core/error.h"
#include "framework/core/number_in.h"
#include "framework/core/process.h"
#include "framework/core/text.h"
#include "framework/core/text_file.h"
#include "framework/launch/child_process.h"
#include "framework/store/store.h"

namespace attnlab::launch::slurm {
namespace {

namespace fs = std::filesystem;

// Slurm warns the script a minute before a time limit, and before a preemption where the partition has a
// GraceTime; the worker writes its checkpoint and ends with 75. The script has itself started again
// only when that brought the run further, so a run that cannot finish one step is not started for ever.
constexpr char kBody[] = R"sh(
folder=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" tasks)
if [ ! -r "$folder/spec.json" ]; then
  echo "attnlab: $(hostname) cannot read '$folder/spec.json'; expected a folder that all nodes see" >&2
  exit 1
fi
if [ -z "${OMP_WAIT_POLICY+set}${GOMP_SPINCOUNT+set}" ]; then export GOMP_SPINCOUNT=SPINS; fi
newest() { ls "$folder/checkpoints" 2>/dev/null | grep -x 'step-[0-9]*' | sort | tail -n 1; }
before=$(newest)
warned=
START
worker=$!
trap 'warned=1; kill -USR1 $worker' USR1
trap 'TERMINATE' TERM
while wait $worker; kill -0 $worker 2>/dev/null; do :; done
wait $worker
code=$?
if [ $code -gt 128 ]; then echo "attnlab: the worker was ended by SIG$(kill -l $code)" >&2; fi
if [ $code = 75 ] && [ "$warned" ] && [ "$(newest)" != "$before" ]; then
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
fi
exit $code
)sh";

constexpr char kOnOneNode[] = R"sh(WORKER run "$folder/spec.json" >>"$folder/log.txt" 2>&1 3>>"$folder/reports.jsonl" &)sh";
// Only rank 0 reports. Slurm sends SIGTERM to every rank itself, while srun would kill them for one of ours.
constexpr char kOnSeveral[] = R"sh(rank='if [ "$SLURM_PROCID" = 0 ]; then exec 3>>"$1/reports.jsonl"; fi; exec "$2" run "$1/spec.json"'
srun --mpi=none --kill-on-bad-exit=0 SHAPE bash -c "$rank" rank "$folder" WORKER >>"$folder/log.txt" 2>&1 &)sh";

void put(std::string& text, const std::string& name, const std::string& value) {
  text.replace(text.find(name), name.size(), value);
}

std::string body_text(const JobOptions& options, const fs::path& worker, const std::string& shape) {
  const bool several = options.nodes > 1;
  std::string start = several ? kOnSeveral : kOnOneNode, body = kBody;
  put(start, "WORKER", shell_quoted(worker.string()));
  if (several) put(start, "SHAPE", shape);
  put(body, "TERMINATE", several ? ":" : "kill -TERM $worker");
  put(body, "START", start);
  put(body, "SPINS", kSpins);
  return body;
}

std::string job_name(const std::string& study) {
  std::string name = "attnlab-" + study.substr(0, 60);
  std::ranges::replace_if(name, [](unsigned char c) { return std::isalnum(c) == 0 && c != '-' && c != '_' && c != '.'; }, '_');
  return name;
}

std::vector<std::string> lines_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

std::vector<std::string> sbatch_words(const std::string& typed) {
  constexpr std::array kOurs{"--array",   "--output",  "--error",      "--open-mode", "--signal", "--requeue", "--no-requeue", "--wait",
                             "--comment", "--parsable", "--test-only", "--chdir",     "--wrap",      "--dependency", "--job-name", "--nodes", "--ntasks",
                             "-a",        "-o",         "-e",          "-D",          "-d",       "-J",        "-N",           "-n", "-W"};
  const bool odd = std::ranges::any_of(typed, [](unsigned char c) { return std::iscntrl(c) != 0; });
  std::vector<std::string> words;
  for (const auto& word : split(typed, ' ')) {
    if (word.empty()) continue;
    const auto name = word.starts_with("--") ? word.substr(0, word.find('=')) : word.substr(0, 2);  // -N2
    if ((name.starts_with("--clu") && std::string_view("--clusters").starts_with(name)) || name == "-M") {
      throw Error("--sbatch: " + name + ": jobs of another cluster cannot be followed from here; run attnlab where that cluster is",
                  kExitUsage);
    }
    // sbatch takes abbreviations: --arra=0-7.
    const auto means = [&](std::string_view option) {
      return option == name || (name.starts_with("--") && name.size() > 4 && option.starts_with(name));
    };
    if (std::ranges::any_of(kOurs, means)) {
      throw Error("--sbatch: " + name + " is set by attnlab itself; expected another option of sbatch", kExitUsage);
    }
    words.push_back(word);
  }
  if (odd || words.empty() || !words.front().starts_with("-")) {
    throw Error("--sbatch: '" + typed + "' is no option of sbatch; expected one such as --mem=16G", kExitUsage);
  }
  return words;
}

std::string script_text(const JobOptions& options, const fs::path& worker, const std::string& name,
                        std::int64_t threads, std::size_t tasks) {
  std::string text =
      "#!/bin/bash\n# Written by attnlab: one task for each cell of a grid. The run folders are listed in `tasks`.\n";
  const auto add = [&](const std::string& option) { text += "#SBATCH " + option + "\n"; };
  add("--job-name=" + job_name(name));
  add(fmt::format("--array=0-{}{}", tasks - 1, options.at_once > 0 ? fmt::format("%{}", options.at_once) : ""));
  add("--output=task-%a.txt");
  add("--open-mode=append");
  add("--requeue");
  add("--signal=B:USR1@60");
  std::vector<std::string> shape{fmt::format("--cpus-per-task={}", threads)};
  if (options.nodes > 1) {
    shape.push_back(fmt::format("--nodes={}", options.nodes));
    shape.push_back(fmt::format("--ntasks={}", options.ranks));
  }
  for (const auto& each : shape) add(each);
  if (!options.partition.empty()) add("--partition=" + options.partition);
  if (!options.time.empty()) add("--time=" + options.time);
  if (!options.gres.empty()) add("--gres=" + options.gres);
  for (const auto& words : options.more) add(words);
  return text + body_text(options, worker, join(shape, " "));
}

fs::path write_array(const fs::path& runs_dir, const std::string& script, const std::vector<NewTask>& tasks) {
  for (int number = 1;; ++number) {
    const auto folder = runs_dir / fmt::format("slurm-{}", number);
    std::error_code error;
    if (!fs::create_directories(folder, error)) {
      if (!error) continue;  // it was there
      throw Error("cannot make the folder '" + folder.string() + "' for a job array: " + error.message());
    }
    std::string folders, runs;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      folders += tasks[i].folder.string() + "\n";
      runs += fmt::format("{}\n", tasks[i].run_id);
      fs::create_symlink(folder / fmt::format("task-{}.txt", i), tasks[i].folder / kSlurmOutput, error);
    }
    write_text(folder / "tasks", folders);
    write_text(folder / "runs", runs);
    write_text(folder / "job.sh", script);
    return folder;
  }
}

void write_job(const fs::path& array, std::int64_t job) { write_text(array / "job", fmt::format("{}\n", job)); }

std::vector<fs::path> arrays_without_job(const fs::path& runs_dir) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(runs_dir, ignored)) {
    if (!entry.path().filename().string().starts_with("slurm-")) continue;
    if (!fs::exists(entry.path() / "job", ignored) && fs::exists(entry.path() / "job.sh", ignored)) found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

std::vector<NewTask> tasks_of_array(const fs::path& array) {
  const auto folders = lines_of(array / "tasks"), runs = lines_of(array / "runs");
  std::vector<NewTask> tasks;
  for (std::size_t i = 0; i < std::min(folders.size(), runs.size()); ++i) {
    tasks.push_back({number_in<std::int64_t>(runs[i]).value_or(0), folders[i]});
  }
  return tasks;
}

std::string comment_of(const fs::path& array) {
  // The first run as well: somebody may have removed an older folder of this name.
  const auto runs = lines_of(array / "runs");
  return "attnlab " + store::Owner::of_this_process().host + ":" + array.string() + ":" + (runs.empty() ? "" : runs.front());
}

}  // namespace attnlab::launch::slurm
