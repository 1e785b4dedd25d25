// slurm_request.cpp: what belongs to --launcher slurm.
#include "framework/cli/launch/request.h"
#include "framework/core/error.h"

namespace attnlab::cli {
namespace {

// Shorter than the 30 s in which numbers of running jobs are to be in the database.
constexpr double kLongestLook = 30;

std::string slurm_word(const ParsedOptions& parsed, const char* name) {
  const auto word = parsed.text(name, "");
  if (word.find_first_of(" \t\r\n") == word.npos && (!word.empty() || !parsed.has(name))) return word;
  throw Error(std::string("--") + name + ": '" + word + "' is no value for sbatch; expected a word without blanks",
              kExitUsage);
}

}  // namespace

void add_slurm_options(Options& options) {
  options.value("launcher", "KIND", "local: children of this process (default); slurm: job arrays")
      .value("partition", "NAME", "Slurm: partition of the jobs")
      .value("time", "TIME", "Slurm: time limit of a job, as sbatch takes it (4:00:00)")
      .value("gres", "LIST", "Slurm: generic resources of a job (gpu:1)")
      .value("sbatch", "OPTION", "Slurm: any further option of sbatch (--mem=32G); may be repeated")
      .value("runs-dir", "DIR", "Slurm: folder of the runs, seen by all nodes (default: the database's)")
      .value("poll", "SECONDS", "Slurm: how often it is asked and numbers are taken in (default: 15)")
      .flag("detach", "Slurm: submit and end, while the jobs go on");
}

std::optional<SlurmRequest> read_slurm_request(const ParsedOptions& parsed) {
  if (parsed.choice("launcher", {"local", "slurm"}) == "local") {
    for (const char* name : {"partition", "time", "gres", "sbatch", "runs-dir", "poll", "detach"}) {
      if (parsed.has(name)) throw Error(std::string("--") + name + " is an option of --launcher slurm", kExitUsage);
    }
    return std::nullopt;
  }
  if (parsed.has("time-limit")) {
    throw Error("--time-limit is of runs on this machine; expected --time, the limit of a job in Slurm", kExitUsage);
  }
  for (const char* name : {"gpus", "per-gpu"}) {
    if (parsed.has(name)) {
      throw Error(std::string("--") + name + " is of runs on this machine; expected --gres, the GPUs of a job in Slurm", kExitUsage);
    }
  }
  SlurmRequest request;
  request.jobs.partition = slurm_word(parsed, "partition");
  request.jobs.time = slurm_word(parsed, "time");
  request.jobs.gres = slurm_word(parsed, "gres");
  for (const auto& typed : parsed.texts("sbatch")) {
    for (auto& word : launch::slurm::sbatch_words(typed)) request.jobs.more.push_back(std::move(word));
  }
  if (parsed.has("jobs")) request.jobs.at_once = parsed.integer("jobs", 1, 1, 4096);
  if (const auto folder = parsed.text("runs-dir")) {
    if (folder->empty()) throw Error("--runs-dir: expected a folder", kExitUsage);
    request.runs_dir = std::filesystem::absolute(*folder).lexically_normal();
  }
  request.look_every = parsed.real("poll", request.look_every, 0.2, kLongestLook);
  request.detach = parsed.has("detach");
  return request;
}

}  // namespace attnlab::cli
