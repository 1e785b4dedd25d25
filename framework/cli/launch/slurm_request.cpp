// slurm_request.cpp: what belongs to --launcher slurm.
#include <fmt/format.h>

#include "framework/cli/launch/launch_cells.h"
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
      .value("nodes", "N", "Slurm: nodes of a job, over which the ranks of a run are spread (default: 1)")
      .value("sbatch", "OPTION", "Slurm: any further option of sbatch (--mem=32G); may be repeated")
      .value("runs-dir", "DIR", "Slurm: folder of the runs, seen by all nodes (default: the database's)")
      .value("poll", "SECONDS", "Slurm: how often it is asked and numbers are taken in (default: 15)")
      .flag("detach", "Slurm: submit and end, while the jobs go on");
}

std::optional<SlurmRequest> read_slurm_request(const ParsedOptions& parsed) {
  if (parsed.choice("launcher", {"local", "slurm"}) == "local") {
    for (const char* name : {"partition", "time", "gres", "nodes", "sbatch", "runs-dir", "poll", "detach"}) {
      if (parsed.has(name)) throw Error(std::string("--") + name + " is an option of --launcher slurm", kExitUsage);
    }
    return std::nullopt;
  }
  if (parsed.has("time-limit")) {
    throw Error("--time-limit is of runs on this machine; expected --time, the limit of a job in Slurm", kExitUsage);
  }
  if (parsed.has("take-over")) {
    throw Error("--take-over is of runs on this machine: --launcher slurm looks after the jobs of its cluster", kExitUsage);
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
  request.jobs.nodes = parsed.integer("nodes", 1, 1, 1024);
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

void require_shape(const std::vector<plan::Cell>& cells, const LaunchRequest& request) {
  const auto nodes = request.slurm ? request.slurm->jobs.nodes : 1;
  if (nodes == 1 || cells.empty()) return;
  const auto ranks = cells.front().resolved.train.ranks;
  for (const auto& cell : cells) {
    const auto own = cell.resolved.train.ranks;
    if (own != ranks) {
      throw Error(fmt::format("--nodes {}: cells with train.ranks={} and {}; a job array has one shape. Expected the same for all cells, "
                              "or a grid for each.", nodes, ranks, own), kExitUsage);
    }
    if (own < nodes) {
      throw Error(fmt::format("--nodes {}: train.ranks={} is fewer processes than nodes. Expected train.ranks={} or more, or no --nodes: "
                              "a run's ranks are then started on one node.", nodes, own, nodes), kExitUsage);
    }
  }
}

}  // namespace attnlab::cli
