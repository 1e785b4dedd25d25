#include "framework/launch/slurm/texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "framework/core/number_in.h"
#include "framework/core/text.h"

namespace attnlab::launch::slurm {
namespace {

bool one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

std::optional<TaskId> task_from(std::string_view job, std::string_view task) {
  const auto first = number_in<std::int64_t>(job), second = number_in<std::int64_t>(task);
  if (!first || !second) return std::nullopt;
  return TaskId{*first, *second};
}

bool says_memory(const std::string& text) {
  return std::ranges::any_of(std::array{"oom-kill", "oom_kill", "out-of-memory", "memory limit"},
                             [&](const char* sign) { return text.find(sign) != std::string::npos; });
}

std::string where(const TaskState& task) {
  return fmt::format("Slurm job {}{}", to_text(task.id), task.node.empty() ? "" : " on " + task.node);
}

// It ended by itself, and nobody knows why.
std::string unexplained(const TaskEvidence& evidence) {
  const auto& task = evidence.task;
  std::string reason = fmt::format("{} ended as {}", where(task), task.state);
  if (!task.reason.empty()) reason += " (" + task.reason + ")";
  reason += evidence.began ? " before its run had ended" : " before its run had begun";
  if (!evidence.began && evidence.log_end.empty() && evidence.output_end.empty()) {
    reason += ". Does the node see the folder '" + evidence.folder +
              "' and the worker? Both must lie where all nodes see them (--runs-dir)";
  }
  const auto& end = evidence.log_end.empty() ? evidence.output_end : evidence.log_end;
  return end.empty() ? reason : reason + ". The log ends:\n" + end;
}

}  // namespace

std::string to_text(const TaskId& id) { return fmt::format("{}_{}", id.job, id.task); }

Phase TaskState::phase() const {
  if (one_of(state, {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT"})) {
    return Phase::waiting;
  }
  if (one_of(state, {"RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED", "STOPPED", "STAGE_OUT", "SIGNALING",
                     "RESIZING"})) {
    return Phase::running;
  }
  if (one_of(state, {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "BOOT_FAIL", "PREEMPTED",
                     "OUT_OF_MEMORY", "DEADLINE", "REVOKED"})) {
    return Phase::over;
  }
  return Phase::unknown;
}

std::vector<TaskState> tasks_of_squeue(std::string_view text) {
  std::vector<TaskState> tasks;
  for (const auto& line : split(text, '\n')) {
    const auto fields = split(line, '|');
    if (fields.size() < 6) continue;
    std::size_t before = 5;  // bars
    for (int i = 0; i < 5; ++i) before += fields[static_cast<std::size_t>(i)].size();
    const auto reason = fields[4] == "None" ? "" : fields[4];
    for (const auto task : tasks_of_range(fields[1])) {
      const auto job = number_in<std::int64_t>(trimmed(fields[0]));
      if (job) tasks.push_back({{*job, task}, fields[2], fields[3], reason, line.substr(before)});
    }
  }
  return tasks;
}

std::vector<TaskState> tasks_of_sacct(std::string_view text) {
  std::vector<TaskState> tasks;
  for (const auto& line : split(text, '\n')) {
    const auto fields = split(line, '|');
    if (fields.size() < 3) continue;
    const auto under = fields[0].find('_');
    if (under == std::string::npos) continue;
    const auto id = task_from(std::string_view(fields[0]).substr(0, under), std::string_view(fields[0]).substr(under + 1));
    if (!id) continue;
    const auto state = fields[1].substr(0, fields[1].find(' '));  // "CANCELLED by 1000"
    tasks.push_back({*id, state, one_of(fields[2], {"None assigned", "None"}) ? "" : fields[2], "", ""});
  }
  return tasks;
}

std::vector<std::int64_t> tasks_of_range(std::string_view text) {
  constexpr std::int64_t kMost = 4'000'001;  // the greatest MaxArraySize
  auto range_list = trimmed(text.substr(0, text.find('%')));
  if (range_list.starts_with('[')) range_list = range_list.substr(1, range_list.find(']') - 1);
  std::vector<std::int64_t> tasks;
  for (const auto& part : split(range_list, ',')) {
    const std::string_view view = part;
    const auto colon = view.find(':');
    const auto range = view.substr(0, colon);
    const auto minus = range.find('-');
    const auto first = number_in<std::int64_t>(range.substr(0, minus));
    const auto last = minus == range.npos ? first : number_in<std::int64_t>(range.substr(minus + 1));
    const auto step = colon == view.npos ? 1 : number_in<std::int64_t>(view.substr(colon + 1)).value_or(0);
    if (!first || !last || step < 1 || *last < *first || *last >= kMost) return {};
    for (auto task = *first; task <= *last; task += step) tasks.push_back(task);
  }
  return tasks;
}

std::optional<std::int64_t> job_of(std::string_view text) {
  for (const auto& line : split(text, '\n')) {
    if (const auto job = number_in<std::int64_t>(trimmed(std::string_view(line).substr(0, line.find(';'))))) return job;
  }
  return std::nullopt;
}

Limits limits_of(std::string_view text) {
  Limits limits;
  for (const auto& line : split(text, '\n')) {
    const auto equals = line.find('=');
    if (equals == std::string::npos) continue;
    const auto key = trimmed(std::string_view(line).substr(0, equals));
    const auto value = trimmed(std::string_view(line).substr(equals + 1));
    if (key == "ClusterName" && !value.empty()) limits.cluster = value;
    if (key == "MaxArraySize") limits.array = number_in<std::int64_t>(value).value_or(limits.array);
    if (key == "KillWait") {  // "30 sec"
      const auto seconds = number_in<std::int64_t>(value.substr(0, value.find(' ')));
      if (seconds) limits.kill_wait = static_cast<double>(*seconds);
    }
    if (key == "MaxJobCount") limits.jobs = number_in<std::int64_t>(value).value_or(limits.jobs);
  }
  return limits;
}

std::vector<std::size_t> array_sizes(std::size_t cells, std::size_t most) {
  if (cells == 0 || most == 0) return {};
  const std::size_t arrays = (cells + most - 1) / most;
  std::vector<std::size_t> sizes(arrays, cells / arrays);
  for (std::size_t i = 0; i < cells % arrays; ++i) ++sizes[i];
  return sizes;
}

bool is_limit(std::string_view words) {
  return std::ranges::any_of(
      std::array{"temporarily unable", "Resource temporarily unavailable", "accounting/QOS policy", "SubmitJob",
                 "job submit limit", "Maximum job count", "too many jobs"},
      [&](const char* sign) { return words.find(sign) != words.npos; });
}

std::string words_for(const TaskState& task) {
  if (task.state == "CANCELLED") return "cancelled in Slurm";
  if (task.state == "TIMEOUT") return "Slurm's time limit";
  if (task.state == "PREEMPTED") return "preempted in Slurm";
  if (task.state == "NODE_FAIL" || task.state == "BOOT_FAIL") {
    return task.node.empty() ? "its node failed" : "node " + task.node + " failed";
  }
  return "";
}

bool is_of_another(const TaskState& task, std::string_view comment) {
  return task.comment.starts_with("attnlab ") && !comment.empty() && task.comment != comment;
}

bool start_again(const TaskState& task) { return task.state != "CANCELLED" && task.state != "REVOKED"; }

Ending conclude_task(const TaskEvidence& evidence) {
  const auto& task = evidence.task;
  const bool stopped = !evidence.left || evidence.left->status == Status::interrupted;
  if (evidence.left && !stopped) return *evidence.left;
  const bool cancelled = evidence.asked == Asked::user;
  if (!evidence.left && (task.state == "OUT_OF_MEMORY" || (!cancelled && says_memory(evidence.output_end)))) {
    return {Status::failed, "killed for memory by Slurm (" + where(task) +
                                "). Ask for more, as with --sbatch --mem=16G, or lower the batch size or the length"};
  }
  if (evidence.asked == Asked::silence) {
    return {Status::failed, "no sign of life for " + human_duration(evidence.silent_seconds) + ": cancelled in Slurm"};
  }
  auto words = words_for(task);
  if (words.empty() && cancelled) words = "cancelled in Slurm";
  if (evidence.left) return {Status::interrupted, evidence.left->reason + (words.empty() ? "" : ": " + words)};
  if (!words.empty()) return {Status::interrupted, fmt::format("{} ({})", words, where(task))};
  if (task.phase() == Phase::unknown) {
    return {Status::interrupted, where(task) + " is not known to Slurm any more, and left no ending"};
  }
  return {Status::failed, unexplained(evidence)};
}

}  // namespace attnlab::launch::slurm
