/// texts.h: what Slurm's programs print, as values; and how many cells become how many job arrays.
///   Pure functions; none throws.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "framework/core/status.h"

namespace attnlab::launch::slurm {

/// One task of a job array.
struct TaskId {
  std::int64_t job = 0;   // of the array
  std::int64_t task = 0;  // 0 on
  auto operator<=>(const TaskId&) const = default;
};
[[nodiscard]] std::string to_text(const TaskId& id);  // "12_3", as Slurm writes it

enum class Phase { waiting, running, over, unknown };
struct TaskState {
  TaskId id{};
  std::string state{};   // Slurm's word: PENDING, RUNNING, NODE_FAIL, ...
  std::string node{};    // empty while there is none
  std::string reason{};  // why it waits, or ended so; empty for "None"
  std::string comment{};  // of its array; empty where it is not told
  [[nodiscard]] Phase phase() const;
};

/// For `squeue -r -o`; the comment comes last, since only it may have any character.
inline constexpr char kQueueFormat[] = "%F|%K|%T|%N|%r|%k";
/// Lines that are no tasks of arrays are passed over.
[[nodiscard]] std::vector<TaskState> tasks_of_squeue(std::string_view text);
/// Of `sacct -X -n -P -o JobID,State,NodeList`: "12_3|CANCELLED by 0|n1".
[[nodiscard]] std::vector<TaskState> tasks_of_sacct(std::string_view text);
/// The tasks of "3", "0-3,7", "0-9%2", "1-7:2"; empty where it is no such text.
[[nodiscard]] std::vector<std::int64_t> tasks_of_range(std::string_view text);
/// What sbatch --parsable prints: "12" or "12;cluster".
[[nodiscard]] std::optional<std::int64_t> job_of(std::string_view text);

struct Limits {
  std::string cluster = "slurm";
  std::int64_t array = 1001;   // MaxArraySize: tasks of an array are numbered below it; 0: no arrays
  double kill_wait = 30;         // KillWait: seconds between SIGTERM and SIGKILL
  std::int64_t jobs = 10'000;  // MaxJobCount: jobs that the controller knows at a time, everybody's
};
/// Of `scontrol show config`; what is missing keeps its default.
[[nodiscard]] Limits limits_of(std::string_view text);

/// Sizes of the arrays that `cells` become, each of `most` tasks at most, as even as can be.
[[nodiscard]] std::vector<std::size_t> array_sizes(std::size_t cells, std::size_t most);

/// Whether sbatch's refusal is one of how many jobs there may be, so that it passes.
[[nodiscard]] bool is_limit(std::string_view words);

/// Who had a task cancelled, as far as this process knows.
enum class Asked { nobody, user, silence };

/// What is known of a task that is over. `left`: how its worker said that the run ended. `began`: there was
/// a worker. `log_end`: last lines of its log; `output_end`: of what Slurm's own daemons said.
struct TaskEvidence {
  TaskState task{};
  Asked asked = Asked::nobody;
  double silent_seconds = 0;  // where it was cancelled for that
  std::optional<Ending> left{};
  bool began = true;
  std::string folder{};
  std::string log_end{}, output_end{};
};
/// The worker's own word, else Slurm's. What a user had cancelled has not failed, whatever became of it on the
/// way (its node was down, it had to be killed, it had not begun), unless it said so itself or Slurm says that
/// it was killed for memory.
[[nodiscard]] Ending conclude_task(const TaskEvidence& evidence);
/// What Slurm's word adds to the ending that the worker left: "cancelled in Slurm"; else "".
[[nodiscard]] std::string words_for(const TaskState& task);
/// Whether a task is of another array than the one with `comment`, although it has its number: a
/// controller that was killed may have lost an array and given its number to the next one.
[[nodiscard]] bool is_of_another(const TaskState& task, std::string_view comment);
/// Whether a run that was interrupted so should be started again.
[[nodiscard]] bool start_again(const TaskState& task);

}  // namespace attnlab::launch::slurm
