#include "framework/launch/launcher.h"

#include <poll.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>

#include "framework/core/error.h"

namespace attnlab::launch {
namespace {

using store::ClaimResult;

constexpr double kCheckpointEvery = 2;  // seconds; a database that was taken away is noticed then
constexpr double kLockWait = 1;
constexpr double kListens = 0.25;  // seconds of one look at the workers, at most
constexpr double kLookAroundEvery = 2;
constexpr double kAskSlurmEvery = 15;  // times as rarely as the store is asked
constexpr int kTryAgain = 250;  // milliseconds

}  // namespace

Launcher::Launcher(store::Store& store, std::vector<Cell> cells, LaunchOptions options,
                   Progress& progress)
    : store_(store), cells_(std::move(cells)), options_(std::move(options)), progress_(progress),
      owners_(store, {.every = kAskSlurmEvery * options_.look_elsewhere,
                      .take_over = options_.take_over,
                      .stop = [this] { return signals_.count() > 0; }}) {
  if (::access(options_.worker.c_str(), X_OK) != 0) {
    throw Error("there is no worker at '" + options_.worker.string() +
                "'. Build it with ./dev build, or set ATTNLAB_WORKER to one.");
  }
  board_.cells = cells_.size();
  board_.jobs = static_cast<std::size_t>(options_.jobs);
  result_.cells.resize(cells_.size());
  attempts_.resize(cells_.size());
  for (Number cell = 0; cell < cells_.size(); ++cell) pending_.push_back(cell);
}

/// Does what needs the store, again and again while a disk is full or another program has the lock.
template <class Work>
auto Launcher::stored(Work&& work) {
  const double start = clock_seconds();
  for (bool told = false;;) {
    require_in_place();
    try {
      return work();
    } catch (const Error& error) {
      const double limit = signals_.count() == 0 ? options_.patience : options_.grace;
      if (!store::may_pass(error) || clock_seconds() - start > limit || signals_.count() > 1) throw;
      if (!std::exchange(told, true)) progress_.note(fmt::format("waiting      {}", error.what()));
    }
    pollfd news{signals_.wake_fd(), POLLIN, 0};
    ::poll(&news, 1, kTryAgain);
    signals_.drain();
  }
}

LaunchResult Launcher::run() {
  store_.wait_for_locks(kLockWait);
  begun_ = clock_seconds();
  try {
    if (const int dead = stored([&] { return store_.reap_dead(); }); dead > 0) {
      progress_.note(fmt::format("looked after {} whose process had died",
                                 dead == 1 ? "1 run" : fmt::format("{} runs", dead)));
    }
    loop();
  } catch (...) {
    // The store cannot be written. Let the workers save what they can.
    while (!running_.empty()) {
      stop_all();
      wait_for_news();
      std::erase_if(running_, [](auto& entry) { return entry.second->ended().has_value(); });
    }
    progress_.clear();
    try {
      store_.checkpoint();  // so that a file that was renamed holds all of it
    } catch (const Error&) {
    }
    throw;
  }
  progress_.clear();
  stored([&] { store_.checkpoint(); });
  return result_;
}

void Launcher::require_in_place() const {
  const auto what = store_.displaced();
  if (what.empty()) return;
  throw Error("the results database was taken away while runs use it: " + what +
              ". All of them are stopped. Put it back under its name and start again: what they "
              "had not saved lies in their folders and is taken in.");
}

void Launcher::loop() {
  while (true) {
    look_for_a_reason_to_stop();
    board_.stopping = stopping_;
    if (stopping_) {
      stop_all();
    } else {
      start_what_fits();
    }
    if (running_.empty() && (stopping_ || (pending_.empty() && elsewhere_.empty()))) return;
    progress_.draw(board_, clock_seconds());
    wait_for_news();
    const double now = clock_seconds();
    // While this process is stopped (SIGSTOP), asleep or held up by the store, it hears nobody.
    listened_ = std::min(now - std::exchange(last_look_, now), kListens);
    for (auto it = running_.begin(); it != running_.end();) {
      const auto [cell, attempt] = std::pair(it->first, it->second.get());
      ++it;  // settling a cell takes it out of the map
      watch(cell, *attempt);
    }
    mark_shared();
    if (now >= next_checkpoint_) {
      next_checkpoint_ = now + kCheckpointEvery;
      stored([&] { store_.checkpoint(); });
    }
  }
}

void Launcher::start_what_fits() {
  while (!stopping_ && running_.size() < static_cast<std::size_t>(options_.jobs)) {
    std::unique_ptr<GpuClaim> gpu;
    if (const auto cell = next_pending(gpu)) {
      claim(*cell, std::move(gpu));
    } else if (!next_elsewhere()) {
      return;
    }
    if (signals_.count() > 0) return;  // thousands of cells that are done take a while
  }
}

// Looks at one cell that another process has; false when it is too early for all of them.
bool Launcher::next_elsewhere() {
  if (elsewhere_.empty() || elsewhere_.front().look_again > clock_seconds()) return false;
  const Elsewhere it = elsewhere_.front();
  elsewhere_.pop_front();
  --board_.elsewhere;
  const Status status = stored([&] { return store_.status(it.run_id); });
  // A failure over there counts for both; trying it here as well would do the cell twice.
  if (status == Status::failed || status == Status::skipped) {
    end(it.cell, {.status = status,
                  .run_id = it.run_id,
                  .reason = "in another process; see attnlab show " + std::to_string(it.run_id)});
  } else {
    pending_.push_front(it.cell);  // it may have to wait for a GPU
  }
  return true;
}

void Launcher::claim(Number number, std::unique_ptr<GpuClaim> gpu) {
  const Cell& cell = cells_[number];
  if (!cell.refusal.empty()) {
    const auto run_id = stored([&] { return store_.record_skipped(cell.record, cell.refusal); });
    end(number, {.status = Status::skipped, .run_id = run_id, .reason = cell.refusal});
    return;
  }
  const auto me = store::Owner::of_this_process();
  const store::Claim claim = stored([&] { return store_.claim(cell.record, me); });
  switch (claim.result) {
    case ClaimResult::finished_before:
      end(number, {.status = Status::done,
                   .before = true,
                   .run_id = claim.run_id,
                   .reason = fmt::format("finished as run {}", claim.run_id)});
      break;
    case ClaimResult::claimed:
      start(number, claim, std::move(gpu));
      break;
    case ClaimResult::running_elsewhere:
      if (claim.owner.in_slurm()) ask_owner(number, claim);
      look_later(number, claim.run_id);
      break;
  }
}

bool Launcher::is_done(const Cell& cell) {
  const auto claim = stored([&] { return store_.peek(cell.record.fingerprint); });
  return claim && claim->result == ClaimResult::finished_before;
}

void Launcher::start(Number number, const store::Claim& claim, std::unique_ptr<GpuClaim> gpu) {
  const Cell& cell = cells_[number];
  if (waits_for_gpu(cell) && !gpu) {  // it was done a moment ago, and deleted since
    stored([&] { return store_.finish(claim.run_id, Status::interrupted, "no GPU was free"); });
    pending_.push_front(number);
    return;
  }
  const std::string visible = gpu ? gpu->visible() : "";
  ++attempts_[number];
  std::unique_ptr<Attempt> attempt;
  std::vector<store::Earlier> earlier;
  if (claim.attempt > 1 && options_.from_scratch) {
    stored([&] { store_.add_facts(claim.run_id, {{"from_scratch", "1"}}); });
  } else if (claim.attempt > 1) {
    earlier = stored([&] { return store_.earlier(claim.run_id); });
  }
  try {
    attempt = std::make_unique<Attempt>(cell, claim, earlier, options_, std::move(gpu));
  } catch (const Error& error) {
    stored([&] { return store_.finish(claim.run_id, Status::failed, error.what()); });
    end(number, {.status = Status::failed, .run_id = claim.run_id, .reason = error.what()});
    return;
  }
  running_[number] = std::move(attempt);
  Attempt& started = *running_[number];
  board_.running[number] = {
      .label = cell.label, .run_id = claim.run_id, .started = started.started()};
  stored([&] {
    store_.started(claim.run_id, owner_of(started.child().pid()),
                   cell.environment ? *cell.environment : store::Facts{},
                   {{"log", started.log().string()},
                    {"spec", (started.folder() / "spec.json").string()}});
  });
  if (!visible.empty()) stored([&] { store_.add_facts(claim.run_id, {{"cuda_visible_devices", visible}}); });
  progress_.note(fmt::format("start        run {}: {}{}", claim.run_id, cell.label, visible.empty() ? "" : " on GPU " + visible));
}

void Launcher::watch(Number cell, Attempt& attempt) {
  RunningCell& seen = board_.running.at(cell);
  for (const Report& report : attempt.reports()) {
    if (report.kind == "end") continue;
    if (report.kind == "start" && !report.text.empty()) {
      attempt.shared |= attempt.shared_before();
      progress_.note(fmt::format("continue     run {}: {}: {}", attempt.run_id(), seen.label, report.text));
    }
    seen.take(report, clock_seconds());
  }
  attempt.check_silence(listened_, options_.silence_limit);
  if (const auto ending = attempt.ended()) settle(cell, *ending);
}

// The worker has ended. Its own word in the store counts; where there is none, the evidence does.
void Launcher::settle(Number cell, const Ending& ending) {
  const std::unique_ptr<Attempt> attempt = std::move(running_.at(cell));
  running_.erase(cell);
  CellResult outcome{.run_id = attempt->run_id(),
                  .reason = ending.reason,
                  .log = attempt->log(),
                  .seconds = clock_seconds() - attempt->started()};
  stored([&] {
    if (store_.finish(outcome.run_id, ending.status, ending.reason)) return;
    outcome.reason = attempt->last_words();
  });
  const Status status = outcome.status = stored([&] { return store_.status(outcome.run_id); });
  if (!attempt->shared) stored([&] { store_.add_facts(outcome.run_id, {{"shared", "0"}}); });
  if (status == Status::done) board_.seconds_of_ended += outcome.seconds;
  if (status == Status::interrupted && !stopping_ && attempt->last_status().empty()) {
    // Another grid saw that the worker was dead before we did, and has the cell now.
    board_.running.erase(cell);
    return look_later(cell, attempt->run_id());
  }
  if (status == Status::failed && !stopping_ && attempts_[cell] <= options_.retries) {
    progress_.note(fmt::format("again        run {}: {}: {}", outcome.run_id, cells_[cell].label,
                               outcome.reason));
    board_.running.erase(cell);
    pending_.push_front(cell);
    return;
  }
  end(cell, std::move(outcome));
}

void Launcher::end(Number cell, CellResult outcome) {
  board_.running.erase(cell);
  ++(outcome.before ? board_.finished_before : board_.count(outcome.status));
  progress_.note(line_of(outcome, cells_[cell].label));
  if (outcome.status == Status::failed && options_.fail_fast) stopping_ = true;
  result_.cells[cell] = std::move(outcome);
}

// A step's time means less when another run took its share of the machine.
void Launcher::mark_shared() {
  const double now = clock_seconds();
  bool shared = running_.size() > 1;
  if (!shared && !running_.empty() && now >= next_look_around_) {
    next_look_around_ = now + kLookAroundEvery;
    shared = options_.others({running_.begin()->second->child().pid()});
  }
  if (!shared) return;
  for (auto& [cell, attempt] : running_) {
    if (!std::exchange(attempt->shared, true)) {
      stored([&] { store_.add_facts(attempt->run_id(), {{"shared", "1"}}); });
    }
  }
}

}  // namespace attnlab::launch
