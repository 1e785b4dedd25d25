// slurm_submit.cpp: from cells that nobody has done to tasks in Slurm's queue.
#include <fmt/format.h>

#include <algorithm>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/launch/attempt.h"
#include "framework/launch/slurm/slurm_launcher.h"

namespace attnlab::launch::slurm {
namespace {

namespace fs = std::filesystem;
using store::ClaimResult;

}  // namespace

// An array that a process submitted and died before it could note the number: Slurm knows it by its comment.
void SlurmLauncher::recover() {
  const auto arrays = arrays_without_job(options_.runs_dir);
  if (arrays.empty()) return;
  const auto comments = queue_.comments();
  for (const auto& array : arrays) {
    const auto found = comments.find(comment_of(array));
    if (found == comments.end()) continue;
    const auto tasks = tasks_of_array(array);
    std::vector<TaskId> lost;
    std::size_t adopted = 0;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      const TaskId id{found->second, static_cast<std::int64_t>(i)};
      const auto owner = store::Owner::of_slurm(queue_.limits().cluster, id.job, id.task);
      if (store_.folder(tasks[i].run_id) != tasks[i].folder) continue;  // of another database
      if (store_.adopt(tasks[i].run_id, owner)) {
        ++adopted;
      } else if (store_.status(tasks[i].run_id) != Status::running) {
        lost.push_back(id);  // another grid has looked after it
      }
    }
    queue_.cancel(lost);
    if (adopted == 0) continue;
    write_job(array, found->second);
    progress_.note(fmt::format("found again  Slurm job {} ({} tasks), submitted by a process that died", found->second, adopted));
  }
}

// Cells that a process runs, here or on another host.
void SlurmLauncher::look_elsewhere() {
  while (!elsewhere_.empty() && elsewhere_.front().look_again <= clock_seconds()) {
    const Elsewhere it = elsewhere_.front();
    elsewhere_.pop_front();
    --board_.elsewhere;
    const Status status = store_.status(it.run_id);
    if (status == Status::failed || status == Status::skipped) {
      end(it.cell, {.status = status, .run_id = it.run_id,
                    .reason = "in another process; see attnlab show " + std::to_string(it.run_id)});
    } else {
      pending_.push_back(it.cell);
    }
  }
}

// Claims what there is room for, then submits it.
void SlurmLauncher::fill() {
  look_elsewhere();
  if (clock_seconds() < submit_after_) return;
  for (int claimed = 0; !pending_.empty() && tasks_.size() + prepared_.size() < room_; ++claimed) {
    const Number cell = pending_.front();
    pending_.pop_front();
    claim(cell);
    if (claimed % 100 == 99) progress_.draw(board_, clock_seconds());
    if (signals_.count() > 0) break;  // thousands of cells take a while
    if (prepared_.size() >= largest_) submit(false);
  }
  submit(true);
}

void SlurmLauncher::claim(Number number) {
  const Cell& cell = cells_[number];
  if (!cell.refusal.empty()) {
    const auto run_id = store_.record_skipped(cell.record, cell.refusal);
    return end(number, {.status = Status::skipped, .run_id = run_id, .reason = cell.refusal});
  }
  const auto claim = store_.claim(cell.record, store::Owner::of_this_process());
  if (claim.result == ClaimResult::finished_before) {
    return end(number, {.status = Status::done, .before = true, .run_id = claim.run_id,
                        .reason = fmt::format("finished as run {}", claim.run_id)});
  }
  if (claim.result == ClaimResult::claimed) return prepare(number, claim);
  if (claim.owner.in_slurm() && claim.owner.cluster() == queue_.limits().cluster) {
    const auto folder = store_.folder(claim.run_id);
    return follow(number, claim, folder.empty() ? options_.runs_dir / "gone" : folder, {claim.owner.pid, claim.owner.start_ticks});
  }
  elsewhere_.push_back({number, claim.run_id, clock_seconds() + slurm_.look_every});
  ++board_.elsewhere;
}

void SlurmLauncher::prepare(Number number, const store::Claim& claim) {
  const Cell& cell = cells_[number];
  std::vector<store::Earlier> earlier;
  if (claim.attempt > 1 && options_.from_scratch && attempts_[number] == 0) {
    store_.add_facts(claim.run_id, {{"from_scratch", "1"}});
  } else if (claim.attempt > 1) {
    earlier = store_.earlier(claim.run_id);
  }
  const auto folder = make_run_folder(options_.runs_dir, cell.record.fingerprint, claim.attempt);
  auto spec = spec_of(cell, claim, earlier, folder, options_);
  spec.database.clear();
  spec.spool = true;
  write_spec(spec, folder);
  store_.started(claim.run_id, store::Owner::of_this_process(),
                 cell.environment ? *cell.environment : store::Facts{},
                 {{"log", (folder / "log.txt").string()}, {"spec", (folder / "spec.json").string()}});
  prepared_[number] = claim;
  folders_[number] = folder;
}

/// Those that were prepared, in arrays: full ones, or `all` of them.
void SlurmLauncher::submit(bool all) {
  if (prepared_.empty() || (!all && prepared_.size() < largest_)) return;
  std::vector<Number> cells;
  for (const auto& [cell, claim] : prepared_) cells.push_back(cell);
  std::size_t begin = 0;
  for (const auto size : array_sizes(cells.size(), largest_)) {
    const auto first = cells.begin() + static_cast<std::ptrdiff_t>(begin);
    try {
      submit_one({first, first + static_cast<std::ptrdiff_t>(size)});
    } catch (const Refused& refused) {
      withdraw({first, cells.end()});
      if (ask_ != Ask::nothing && refused.limit) return;
      if (!refused.limit || (size == 1 && tasks_.empty())) throw;
      largest_ = std::max<std::size_t>(1, size / 2);
      submit_after_ = clock_seconds() + slurm_.look_every;
      progress_.note(fmt::format("waiting      {}", refused.what()));
      return;
    } catch (...) {
      withdraw({first, cells.end()});
      throw;
    }
    begin += size;
  }
}

void SlurmLauncher::submit_one(std::vector<Number> cells) {
  std::vector<NewTask> tasks;
  for (const auto cell : cells) tasks.push_back({prepared_.at(cell).run_id, folders_.at(cell)});
  const auto array = write_array(options_.runs_dir,
                                 script_text(slurm_.jobs, options_.worker, cells_[cells.front()].record.study,
                                             slurm_.threads, tasks.size()),
                                 tasks);
  const struct Submitting {
    double& since;
    ~Submitting() { since = 0; }
  } submitting{submitting_};
  std::int64_t job = 0;
  try {
    // A limit on how many run at once is one of all arrays: each begins when the one before is over.
    const bool waits = slurm_.jobs.at_once > 0 && std::ranges::any_of(tasks_, [&](const auto& entry) {
                         return entry.second.state.id.job == last_array_;
                       });
    submitting_ = clock_seconds();
    job = queue_.submit(array, comment_of(array), waits ? last_array_ : 0);
  } catch (const Refused&) {
    // An sbatch that was killed or lost its answer may have submitted it all the same.
    submitting_ = clock_seconds();
    const auto comments = queue_.comments();
    const auto found = comments.find(comment_of(array));
    if (found == comments.end()) {
      remove_quietly(array);
      throw;
    }
    job = found->second;
  }
  std::vector<std::pair<std::int64_t, store::Owner>> owners;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const TaskId id{job, static_cast<std::int64_t>(i)};
    owners.emplace_back(tasks[i].run_id, store::Owner::of_slurm(queue_.limits().cluster, id.job, id.task));
  }
  store_.hand_over(owners);
  write_job(array, job);
  next_look_ = 0;
  progress_.note(fmt::format("submitted    Slurm job {}: {} {} | {}", job, cells.size(),
                             cells.size() == 1 ? "task" : "tasks", (array / "job.sh").string()));
  for (std::size_t i = 0; i < cells.size(); ++i) {
    ++attempts_[cells[i]];
    follow(cells[i], prepared_.at(cells[i]), tasks[i].folder, {job, static_cast<std::int64_t>(i)});
    prepared_.erase(cells[i]);
    folders_.erase(cells[i]);
  }
}

// As if they had never been claimed; they stand in front again.
void SlurmLauncher::withdraw(const std::vector<Number>& cells) {
  for (auto cell = cells.rbegin(); cell != cells.rend(); ++cell) {
    store_.withdraw(prepared_.at(*cell).run_id);
    remove_quietly(folders_.at(*cell));
    prepared_.erase(*cell);
    folders_.erase(*cell);
    pending_.push_front(*cell);
  }
}

void SlurmLauncher::follow(Number cell, const store::Claim& claim, const fs::path& folder, TaskId id) {
  last_array_ = std::max(last_array_, id.job);
  tasks_.emplace(cell, Task(cell, claim, folder, cells_[cell].record.fingerprint, id));
}

}  // namespace attnlab::launch::slurm
