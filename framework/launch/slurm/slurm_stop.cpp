// slurm_stop.cpp: what signals mean while jobs are in Slurm, and how they are left or cancelled.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/launch/slurm/slurm_launcher.h"

namespace attnlab::launch::slurm {
namespace {

constexpr double kHurry = 10;      // seconds of a program of Slurm's once a signal has come
constexpr double kEndsLater = 30;  // seconds beyond KillWait for Slurm to say that a cancelled job is over
constexpr double kCancelAgain = 1;
constexpr std::size_t kMostNamed = 20;

std::string some_jobs(std::size_t count) { return count == 1 ? "1 job" : fmt::format("{} jobs", count); }

}  // namespace

// The first signal: what it means is told whatever else goes on.
void SlurmLauncher::hear() {
  if (signals_.count() == 0) return;
  result_.stopped_by = signals_.first();
  if (ask_ != Ask::nothing) return;
  ask_ = Ask::leave;
  asked_ = clock_seconds();
  queue_.hurry(kHurry);
  if (result_.stopped_by != SIGINT || tasks_.empty()) return;
  progress_.note(fmt::format("Ctrl-C       {} go on in Slurm. Again within {:.0f} s cancels them.", some_jobs(tasks_.size()),
                             slurm_.second_thought));
}

// Asked while a program of Slurm's runs. sbatch may have submitted what it was killed over, so it has some
// seconds more, and so has the question for what became of it.
bool SlurmLauncher::gives_up() {
  hear();
  if (submitting_ > 0) return ask_ != Ask::nothing && clock_seconds() - std::max(asked_, submitting_) > kHurry;
  return signals_.count() > heard_;
}

void SlurmLauncher::look_for_signals() {
  hear();
  heard_ = signals_.count();
  if (ask_ == Ask::leave && heard_ > 1) cancel_all();
}

bool SlurmLauncher::is_time_to_leave() const {
  const double since = clock_seconds() - asked_;
  if (ask_ == Ask::nothing) return slurm_.detach;
  if (ask_ == Ask::cancel) return heard_ > 2 || since > queue_.limits().kill_wait + kEndsLater;
  return result_.stopped_by != SIGINT || since > slurm_.second_thought;
}

void SlurmLauncher::cancel_all() {
  ask_ = Ask::cancel;
  asked_ = clock_seconds();
  board_.stopping = true;
  for (auto& [cell, task] : tasks_) {
    task.asked = Asked::user;
    to_cancel_.push_back(task.state.id);
  }
  progress_.note(fmt::format("cancel       {} in Slurm; they write a checkpoint first", some_jobs(tasks_.size())));
  slurm_.look_every = std::min(slurm_.look_every, 2.0);
  next_look_ = 0;
}

// Until it was heard: a controller may be busy, or just being started again.
void SlurmLauncher::tell_scancel() {
  if (to_cancel_.empty() || clock_seconds() < next_cancel_) return;
  try {
    queue_.cancel(to_cancel_);
    to_cancel_.clear();
  } catch (const NoAnswer& error) {
    next_cancel_ = clock_seconds() + kCancelAgain;
    if (!std::exchange(told_, true)) progress_.note(fmt::format("waiting      {}", error.what()));
  }
}

// Nothing is lost where it is not: it lies in the runs' folders.
void SlurmLauncher::look_if_possible() {
  try {
    look();
  } catch (const Error& error) {
    if (!passes(error)) throw;
    if (!std::exchange(told_, true)) progress_.note(fmt::format("waiting      {}", error.what()));
  }
}

void SlurmLauncher::leave() {
  const bool taken = ask_ == Ask::cancel && to_cancel_.empty();
  try {
    look_if_possible();  // what the runs have left until now
  } catch (const Stopped&) {
  }
  std::vector<Number> left;
  for (const auto& [cell, task] : tasks_) left.push_back(cell);
  if (taken && heard_ < 3) {  // Slurm is only late to say so: a node that is down
    for (const auto cell : left) settle(cell);
    return;
  }
  std::vector<std::string> names;
  for (const auto& [cell, task] : tasks_) {
    names.push_back(to_text(task.state.id));
    result_.cells[cell] = {.status = Status::running, .run_id = task.run_id,
                           .reason = fmt::format("Slurm job {}{}", names.back(), taken ? ", cancelled" : ""),
                           .log = task.folder / "log.txt"};
  }
  result_.detached = true;
  if (!pending_.empty() && slurm_.detach) {
    progress_.note(fmt::format("not yet      {} cells are not submitted: the queue takes no more now. Start again for them", pending_.size()));
  }
  if (left.empty()) return;
  if (ask_ == Ask::cancel && !taken) {
    names.resize(std::min(names.size(), kMostNamed));
    progress_.note("not told     Slurm did not take the order to cancel. When it answers again: scancel " + join(names, " "));
  }
  progress_.note(fmt::format("left         {} to Slurm; the same command picks {} up again", some_jobs(left.size()),
                             left.size() == 1 ? "it" : "them"));
}

}  // namespace attnlab::launch::slurm
