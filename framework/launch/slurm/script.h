/// script.h: the folder of one job array: `job.sh`, which sbatch gets, and `tasks`, whose line N + 1 is
///   the run folder of task N. `job` holds the array's number once it is submitted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace attnlab::launch::slurm {

/// In a run's folder: what the script and Slurm's daemons said, in the array's folder.
inline constexpr char kSlurmOutput[] = "slurm.txt";

/// What the user says about jobs.
struct JobOptions {
  std::string partition{}, time{}, gres{};  // as sbatch takes them; empty: Slurm's default
  std::vector<std::string> more{};          // further options of sbatch: "--mem=16G"
  std::int64_t nodes = 1;                   // of a job; more than one: a rank of a run for each task of a step
  std::int64_t ranks = 1;                   // of every run, where there are several nodes
  std::int64_t at_once = 0;                 // tasks of a grid at a time; 0: as many as Slurm starts
};

/// A task of a new array.
struct NewTask {
  std::int64_t run_id = 0;
  std::filesystem::path folder{};
};

/// The words of one --sbatch: "--mem=16G --exclusive" is two options. Throws a usage Error: no option
/// ("mem=16G"), one that attnlab sets itself (--array, --wait, ...), a control character.
[[nodiscard]] std::vector<std::string> sbatch_words(const std::string& typed);

/// The script. `threads` becomes --cpus-per-task, `name` the job's name. On one node the worker is the batch
/// script's child and starts the other ranks, so `threads` are those of all; on several nodes srun starts every
/// rank, with `threads` of its own.
[[nodiscard]] std::string script_text(const JobOptions& options, const std::filesystem::path& worker,
                                      const std::string& name, std::int64_t threads, std::size_t tasks);

/// A new folder in `runs_dir` with the script and the list of tasks. Throws Error.
[[nodiscard]] std::filesystem::path write_array(const std::filesystem::path& runs_dir, const std::string& script,
                                                const std::vector<NewTask>& tasks);
void write_job(const std::filesystem::path& array, std::int64_t job);
/// Those in `runs_dir` that have no number yet: being submitted now, or given up by a process that died.
[[nodiscard]] std::vector<std::filesystem::path> arrays_without_job(const std::filesystem::path& runs_dir);
[[nodiscard]] std::vector<NewTask> tasks_of_array(const std::filesystem::path& array);
/// Of the array in that folder; no other has it.
[[nodiscard]] std::string comment_of(const std::filesystem::path& array);

}  // namespace attnlab::launch::slurm
