#include "framework/launch/slurm/task_owners.h"

#include <fmt/format.h>

#include <utility>

#include "framework/core/status_lines.h"
#include "framework/core/text.h"
#include "framework/launch/slurm/task.h"

namespace attnlab::launch::slurm {
namespace {

constexpr double kPatience = 10;  // seconds: runs of our own go on meanwhile
constexpr double kWithout = 4;    // where Slurm does not answer it is asked so many times less often

TaskId task_of(const store::Owner& owner) { return {owner.pid, owner.start_ticks}; }

std::string ended(const TaskId& id, const Ending& ending) {
  return fmt::format("Slurm job {} is over and nobody followed it: {}{}", to_text(id), to_text(ending.status),
                     ending.reason.empty() ? "" : ", " + ending.reason);
}

}  // namespace

void TaskOwners::ask() {
  const double pause = options_.every * (problem_.empty() ? 1 : kWithout);
  if (asked_ > 0 && clock_seconds() - asked_ < pause) return;
  asked_ = clock_seconds();
  try {
    if (!queue_) queue_.emplace(options_.stop);
    queue_->hurry(kPatience);
    known_.clear();
    for (auto& state : queue_->tasks()) known_[state.id] = std::move(state);
    problem_.clear();
  } catch (const Stopped&) {
    asked_ = 0;
  } catch (const Error& error) {
    problem_ = error.what();
  }
}

std::string TaskOwners::look(const store::Claim& claim, const std::string& fingerprint) try {
  ask();
  if (asked_ == 0) return "";
  auto& seen = seen_[claim.run_id];
  const bool can_be_asked = problem_.empty() && claim.owner.cluster() == queue_->limits().cluster;
  if (!can_be_asked) return of_unreachable(claim, fingerprint, seen);
  const auto id = task_of(claim.owner);
  TaskState state{id, "unknown", "", "", ""};
  if (const auto found = known_.find(id); found != known_.end()) {
    state = found->second;
  } else if (seen.over_since == 0 || clock_seconds() - seen.over_since >= options_.every) {
    for (auto& past : queue_->past({id})) state = std::move(past);
  }
  if (state.phase() == Phase::over || state.phase() == Phase::unknown) {
    if (seen.over_since == 0) seen.over_since = clock_seconds();
    return clock_seconds() - seen.over_since < options_.every ? "" : end(claim, fingerprint, state);
  }
  seen.over_since = 0;
  if (std::exchange(seen.told, true)) return "";
  return fmt::format("Slurm job {} has it ({}{}); --launcher slurm follows it", to_text(id), state.state,
                     state.reason.empty() ? "" : ", " + state.reason);
} catch (const Stopped&) {
  return "";
}

std::string TaskOwners::of_unreachable(const store::Claim& claim, const std::string& fingerprint, Seen& seen) {
  const auto id = task_of(claim.owner);
  const auto silent = store::now_ms() - claim.heard_ms;
  if (silent < store::kSilenceMs) return "";
  if (options_.take_over) return end(claim, fingerprint, {id, "unknown", "", "", ""});
  if (std::exchange(seen.told, true)) return "";
  return fmt::format(
      "Slurm job {} of cluster '{}' has it, and was last heard of {} ago. {}. The same command with --launcher slurm, where that "
      "cluster is, looks after it; --take-over gives the job up and goes on here",
      to_text(id), claim.owner.cluster(), human_duration(static_cast<double>(silent) * 1e-3),
      problem_.empty() ? "Slurm here is cluster '" + queue_->limits().cluster + "'" : problem_);
}

std::string TaskOwners::end(const store::Claim& claim, const std::string& fingerprint, const TaskState& state) {
  seen_.erase(claim.run_id);
  const auto folder = store_.folder(claim.run_id);  // "": there is none any more, and so no file in it
  Task task(0, claim, folder.empty() ? "/dev/null" : folder, fingerprint, state.id);
  task.state = state;
  auto taken = store::Taken::something;
  while (taken == store::Taken::something) taken = store_.take_spool(claim.run_id, task.spool);
  if (taken == store::Taken::ended) return "";
  const auto ending = task.ending();
  return store_.finish(claim.run_id, ending.status, ending.reason) ? ended(state.id, ending) : "";
}

}  // namespace attnlab::launch::slurm
