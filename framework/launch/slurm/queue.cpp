#include "framework/launch/slurm/queue.h"

#include "framework/core/text.h"
#include "framework/launch/command.h"

namespace attnlab::launch::slurm {
namespace {

constexpr std::size_t kTasksOfOneCommand = 500;

// The last lines: sbatch tells every attempt.
std::string words_of(const CommandAnswer& answer) {
  std::string text = answer.err.empty() ? answer.out : answer.err;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (answer.given_up) text += (text.empty() ? "" : "\n") + std::string("(it was killed at a signal)");
  if (answer.timed_out) text += (text.empty() ? "" : "\n") + std::string("(no answer for minutes: it was killed)");
  return text.empty() ? "exit code " + std::to_string(answer.code) : text;
}

template <class Work>
void in_parts(const std::vector<TaskId>& tasks, Work&& work) {
  for (std::size_t begin = 0; begin < tasks.size(); begin += kTasksOfOneCommand) {
    std::vector<std::string> part;
    for (std::size_t i = begin; i < std::min(tasks.size(), begin + kTasksOfOneCommand); ++i) {
      part.push_back(to_text(tasks[i]));
    }
    work(part);
  }
}

}  // namespace

std::string Queue::asked(const std::vector<std::string>& command) const {
  const auto answer = run_command(command, {}, seconds_, stop_);
  if (answer.given_up) throw Stopped{};
  if (answer.code == 127) {
    throw Error("there is no '" + command[0] + "' here. --launcher slurm is for a host from which Slurm jobs are "
                "submitted; expected Slurm's programs on PATH");
  }
  if (answer.code != 0) throw NoAnswer("Slurm does not answer (" + command[0] + "): " + words_of(answer));
  return answer.out;
}

Queue::Queue(std::function<bool()> stop) try
    : stop_(std::move(stop)), limits_(limits_of(asked({"scontrol", "show", "config"}))) {
  if (limits_.array < 1) {
    throw Error("this Slurm allows no job arrays (MaxArraySize=0 in `scontrol show config`), as which cells are submitted");
  }
} catch (const Stopped&) {
  throw Error("stopped before Slurm had answered", kExitInterrupted);
}

std::int64_t Queue::submit(const std::filesystem::path& folder, const std::string& comment,
                           std::int64_t after) const {
  std::vector<std::string> command{"sbatch", "--parsable", "--comment=" + comment};
  if (after != 0) command.push_back("--dependency=afterany:" + std::to_string(after));
  command.emplace_back("job.sh");
  const auto answer = run_command(command, folder, seconds_, stop_);
  const auto job = answer.code == 0 ? job_of(answer.out) : std::nullopt;
  if (job) return *job;
  const auto words = words_of(answer);
  throw Refused("sbatch refused '" + (folder / "job.sh").string() + "': " + words,
                answer.timed_out || answer.given_up || is_limit(words));
}

std::vector<TaskState> Queue::tasks() const {
  const auto text = asked({"squeue", "--me", "-h", "-r", "-t", "all", "-o", kQueueFormat});
  auto tasks = tasks_of_squeue(text);
  // "slurmctld: failing over", with exit code 0: that no task is known would be another answer.
  if (const auto words = trimmed(text); !words.empty() && words.find('|') == words.npos) {
    throw NoAnswer("Slurm does not answer (squeue): " + words.substr(0, words.find('\n')));
  }
  return tasks;
}

std::vector<TaskState> Queue::past(const std::vector<TaskId>& tasks) const {
  std::vector<TaskState> found;
  in_parts(tasks, [&](const std::vector<std::string>& part) {
    const auto answer =
        run_command({"sacct", "-X", "-n", "-P", "-j", join(part, ","), "-o", "JobID,State,NodeList"}, {}, seconds_, stop_);
    if (answer.given_up) throw Stopped{};
    if (answer.code != 0) return;
    for (auto& task : tasks_of_sacct(answer.out)) found.push_back(std::move(task));
  });
  return found;
}

std::map<std::string, std::int64_t> Queue::comments() const {
  std::map<std::string, std::int64_t> found;
  for (const auto& line : split(asked({"squeue", "--me", "-h", "-t", "all", "-o", "%F|%k"}), '\n')) {
    const auto bar = line.find('|');
    if (bar == std::string::npos) continue;
    if (const auto job = job_of(line.substr(0, bar))) found[line.substr(bar + 1)] = *job;
  }
  return found;
}

void Queue::cancel(const std::vector<TaskId>& tasks) const {
  in_parts(tasks, [&](std::vector<std::string> part) {
    part.insert(part.begin(), {"scancel", "--quiet"});
    static_cast<void>(asked(part));
  });
}

}  // namespace attnlab::launch::slurm
