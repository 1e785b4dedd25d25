#include "framework/launch/slurm/slurm_launcher.h"

#include <poll.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/store/open.h"

namespace attnlab::launch::slurm {
namespace {

constexpr double kFoldEvery = 2;      // seconds between checkpoints of the database
constexpr double kNetworkDelay = 60;  // for which a network file system may hide what another host wrote
constexpr double kLookAgain = 2;      // seconds
constexpr double kSignOfLife = 15;    // for which a task that Slurm does not know lives by what it wrote
constexpr int kBlink = 100;           // milliseconds
constexpr int kMostFruitless = 3;     // starts, one after the other, that brought a run no further

bool on_network(const std::filesystem::path& folder) { return !store::network_below(folder).value_or("").empty(); }

}  // namespace

SlurmLauncher::SlurmLauncher(store::Store& store, std::vector<Cell> cells, LaunchOptions options, Options slurm,
                             Progress& progress)
    : store_(store), cells_(std::move(cells)), options_(std::move(options)), slurm_(std::move(slurm)), progress_(progress),
      queue_([this] { return gives_up(); }) {
  if (::access(options_.worker.c_str(), X_OK) != 0) {
    throw Error("there is no worker at '" + options_.worker.string() +
                "'. Build it with ./dev build, or set ATTNLAB_WORKER to one.");
  }
  board_.cells = cells_.size();
  result_.cells.resize(cells_.size());
  attempts_.resize(cells_.size());
  failures_.resize(cells_.size());
  fruitless_.resize(cells_.size());
  largest_ = static_cast<std::size_t>(queue_.limits().array);
  // The controller's table of jobs is everybody's.
  room_ = static_cast<std::size_t>(std::max<std::int64_t>(1, queue_.limits().jobs / 2));
  for (Number cell = 0; cell < cells_.size(); ++cell) pending_.push_back(cell);
}

bool SlurmLauncher::passes(const Error& error) {
  return store::may_pass(error) || dynamic_cast<const NoAnswer*>(&error) != nullptr;
}

/// Does what needs the store or Slurm, again and again while a disk is full, a lock is held or the
/// controller is being started again. The jobs go on meanwhile. Throws Stopped at a signal.
template <class Work>
auto SlurmLauncher::stored(Work&& work) {
  const double start = clock_seconds();
  for (bool told = false;;) {
    try {
      return work();
    } catch (const Error& error) {
      if (!passes(error) || clock_seconds() - start > 10 * options_.patience) throw;
      if (!std::exchange(told, true)) progress_.note(fmt::format("waiting      {}", error.what()));
    }
    for (int i = 0; i < 10; ++i) {
      wait_for_news();
      if (signals_.count() > heard_) throw Stopped{};
    }
  }
}

LaunchResult SlurmLauncher::run() {
  try {
    loop();
  } catch (...) {
    progress_.clear();
    throw;
  }
  progress_.clear();
  store_.checkpoint();
  return result_;
}

void SlurmLauncher::loop() {
  while (true) {
    try {
      if (!turn()) return;
    } catch (const Stopped&) {
      continue;  // a signal came, which the next turn acts upon
    }
  }
}

bool SlurmLauncher::turn() {
  look_for_signals();
  if (ask_ == Ask::nothing && !recovered_) begin();
  if (ask_ == Ask::nothing) stored([&] { fill(); });
  if (tasks_.empty() && (ask_ != Ask::nothing || (pending_.empty() && elsewhere_.empty()))) return false;
  if (is_time_to_leave()) {
    leave();
    return false;
  }
  tell_scancel();
  const double now = clock_seconds();
  if (now >= next_look_) {
    next_look_ = now + slurm_.look_every;
    ask_ == Ask::nothing ? stored([&] { look(); }) : look_if_possible();
  }
  if (now >= next_checkpoint_) {
    next_checkpoint_ = now + kFoldEvery;
    store_.checkpoint();
  }
  progress_.draw(board_, now);
  wait_for_news();
  return true;
}

void SlurmLauncher::begin() {
  stored([&] { recover(); });
  const int dead = stored([&] { return store_.reap_dead(); });
  recovered_ = true;
  if (dead == 0) return;
  progress_.note(fmt::format("looked after {} whose process had died", dead == 1 ? "1 run" : fmt::format("{} runs", dead)));
}

void SlurmLauncher::look() {
  std::map<TaskId, TaskState> known;
  for (auto& state : queue_.tasks()) known[state.id] = std::move(state);
  std::vector<TaskId> unknown;
  for (const auto& [cell, task] : tasks_) {
    if (!known.contains(task.state.id)) unknown.push_back(task.state.id);
  }
  if (!unknown.empty()) {
    for (auto& state : queue_.past(unknown)) known[state.id] = std::move(state);
  }
  std::vector<Number> ended;
  std::set<std::string> reasons;
  board_.queued = 0;
  for (auto& [cell, task] : tasks_) {
    const auto found = known.find(task.state.id);
    const auto before = task.state.phase();
    if (found != known.end() && !is_of_another(found->second, task.comment)) task.state = found->second;
    else task.state.state = "unknown";
    if (task.state.phase() != Phase::waiting || before != Phase::waiting) watch(task);
    if (task.state.phase() == Phase::waiting) {
      ++board_.queued;
      if (!task.state.reason.empty()) reasons.insert(task.state.reason);
      board_.running.erase(cell);
    }
    if (over(task)) ended.push_back(cell);
  }
  std::vector<std::string> words(reasons.begin(), reasons.end());
  if (words.size() > 3) words.resize(3);
  board_.queued_why = join(words, ", ");
  board_.jobs = std::max<std::size_t>(1, board_.running.size());
  for (const auto cell : ended) settle(cell);
}

void SlurmLauncher::watch(Task& task) {
  const double now = clock_seconds();
  const bool listed = task.state.phase() != Phase::unknown;
  auto taken = store::Taken::something;
  while (taken == store::Taken::something) taken = store_.take_spool(task.run_id, task.spool);
  task.closed = taken == store::Taken::ended;
  if (task.closed && task.state.phase() == Phase::running) queue_.cancel({task.state.id});
  if (task.state.phase() == Phase::waiting) return;
  if (task.started == 0) {
    task.started = now;
    task.heard = listed ? now : 0;
    if (const auto& life = task.spool.life()) {  // it may have begun long before this process
      task.started -= std::max(0.0, static_cast<double>(store::now_ms() - life->wall_ms) * 1e-3);
    }
    progress_.note(fmt::format("start        run {}: {} | Slurm job {}{}", task.run_id, cells_[task.cell].label,
                               to_text(task.state.id), task.state.node.empty() ? "" : " on " + task.state.node));
  }
  auto& seen = board_.running[task.cell];
  seen.label = cells_[task.cell].label + (task.state.node.empty() ? "" : " on " + task.state.node);
  seen.run_id = task.run_id;
  seen.started = task.started;
  for (const auto& report : task.reports()) {
    if (report.kind == "end") continue;
    task.heard = now;
    if (report.kind == "start" && !report.text.empty()) {
      progress_.note(fmt::format("continue     run {}: {}: {}", task.run_id, cells_[task.cell].label, report.text));
    }
    seen.take(report, now);
  }
  if (listed && task.state.state != "RUNNING") task.heard = now;  // one that is suspended is not silent
  const double limit = options_.silence_limit;
  if (limit > 0 && now - task.heard > limit && task.state.state == "RUNNING" && task.asked == Asked::nobody) {
    queue_.cancel({task.state.id});
    task.asked = Asked::silence;
  }
}

// A task whose node failed or that was preempted may be put back into the queue between two looks, and a
// network file system may show its last words late.
bool SlurmLauncher::over(Task& task) {
  const auto phase = task.state.phase();
  if (phase == Phase::waiting || phase == Phase::running) {
    task.seen_over = 0;
    return false;
  }
  // Whoever writes is there, whatever Slurm knows: another attempt at the cell would run beside it.
  if (phase == Phase::unknown && task.started != 0 && clock_seconds() - task.heard < kSignOfLife) return false;
  if (task.seen_over++ == 0) task.over_since = clock_seconds();
  const auto& left = task.spool.ending();
  if (task.closed || (left && left->status != Status::interrupted)) return true;
  const bool own_end = task.state.state == "COMPLETED" || task.state.state == "FAILED";
  if (own_end && !left && on_network(options_.runs_dir)) return clock_seconds() - task.over_since > kNetworkDelay;
  if (task.seen_over > 1) return true;
  next_look_ = std::min(next_look_, clock_seconds() + kLookAgain);
  return false;
}

// It may be there all the same, where the controller has forgotten it or its accounting does not answer.
void SlurmLauncher::cancel_unheard(const TaskId& id) try {
  queue_.cancel({id});
} catch (const NoAnswer&) {
  return;
}

void SlurmLauncher::settle(Number cell) {
  Task task = std::move(tasks_.at(cell));
  tasks_.erase(cell);
  board_.running.erase(cell);
  if (task.state.phase() == Phase::unknown) cancel_unheard(task.state.id);
  const auto ending = task.ending(options_.silence_limit);
  const bool mine = store_.finish(task.run_id, ending.status, ending.reason);
  CellResult outcome{.status = store_.status(task.run_id),
                     .run_id = task.run_id,
                     .reason = mine ? ending.reason : "ended by another process; see attnlab show " + std::to_string(task.run_id),
                     .log = task.folder / "log.txt",
                     .seconds = task.started == 0 ? 0 : clock_seconds() - task.started};
  if (outcome.status == Status::done) board_.seconds_of_ended += outcome.seconds;
  const bool stopping = ask_ == Ask::cancel;
  fruitless_[cell] = task.has_checkpoint() ? 0 : fruitless_[cell] + 1;
  if (outcome.status == Status::failed) ++failures_[cell];
  const bool again = outcome.status == Status::failed ? failures_[cell] <= options_.retries
                                                      : outcome.status == Status::interrupted && start_again(task.state) &&
                                                            fruitless_[cell] < kMostFruitless;
  if (again && !stopping) {
    progress_.note(fmt::format("again        run {}: {}: {}", outcome.run_id, cells_[cell].label, outcome.reason));
    pending_.push_front(cell);
    return;
  }
  end(cell, std::move(outcome));
}

void SlurmLauncher::end(Number cell, CellResult outcome) {
  ++(outcome.before ? board_.finished_before : board_.count(outcome.status));
  progress_.note(line_of(outcome, cells_[cell].label));
  if (outcome.status == Status::failed && options_.fail_fast && ask_ == Ask::nothing) cancel_all();
  result_.cells[cell] = std::move(outcome);
}

void SlurmLauncher::wait_for_news() {
  pollfd news{signals_.wake_fd(), POLLIN, 0};
  ::poll(&news, 1, kBlink);
  signals_.drain();
}

}  // namespace attnlab::launch::slurm
