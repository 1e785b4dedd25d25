#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>

#include "framework/store/destination.h"

namespace attnlab::store {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kSpillAfter = 5s;
constexpr auto kHopelessAfter = 10min;
constexpr std::size_t kFlushEvents = 256;
// About 100 MB of metrics. More cannot pile up unless nothing could be written for hours.
constexpr std::size_t kMostMetrics = 500'000;

}  // namespace

struct RunWriter::Impl {
  Impl(std::unique_ptr<Destination> where, std::string run_folder, double seconds)
      : destination(std::move(where)),
        folder(std::move(run_folder)),
        patience(seconds),
        thread([this] { work(); }) {}

  const std::unique_ptr<Destination> destination;  // of the thread below; of finish() once that has ended
  const std::filesystem::path folder;
  const std::chrono::duration<double> patience;

  mutable std::mutex mutex;
  std::condition_variable wake, saved;
  std::uint64_t added = 0, stored = 0;  // events, facts and artifacts
  bool hurry = false;                   // somebody waits
  Batch pending;
  std::size_t pending_metrics = 0;
  std::size_t dropped = 0;  // events
  std::optional<std::string> problem;
  Clock::time_point trouble_since{};  // while there is a problem
  bool gone = false;                  // the database is where nobody finds it
  bool stopping = false;
  bool closed = false;  // ended, by us or by somebody else: nothing is written any more
  std::uint64_t taken = 0;  // of `added`, when the last batch was taken
  std::thread thread;  // the last: it begins when all else is there

  Batch take() {
    const std::lock_guard lock(mutex);
    pending_metrics = 0;
    taken = added;
    return std::exchange(pending, {});
  }

  void put_back(Batch batch, const std::string& why, bool is_gone) {
    const std::lock_guard lock(mutex);
    std::swap(batch, pending);  // `batch` is now what came meanwhile, which goes behind
    if (batch.begin) pending.begin = batch.begin;
    std::move(batch.events.begin(), batch.events.end(), std::back_inserter(pending.events));
    std::move(batch.facts.begin(), batch.facts.end(), std::back_inserter(pending.facts));
    std::move(batch.artifacts.begin(), batch.artifacts.end(), std::back_inserter(pending.artifacts));
    pending_metrics = 0;
    for (const auto& [event, wall] : pending.events) pending_metrics += event.metrics.size();
    if (!problem) trouble_since = Clock::now();
    problem = why;
    gone |= is_gone;
  }

  /// Empty when all is well; otherwise the batch is back in the queue and the problem is told.
  std::string flush(const std::optional<Ending>& ending = std::nullopt) {
    Batch batch = take();
    batch.ending = ending;
    try {
      const bool running = destination->write(batch);
      const std::lock_guard lock(mutex);
      problem.reset();
      stored = taken;
      saved.notify_all();
      if (!running) {
        closed = true;
        problem = destination->name() +
                  " was ended by another process; nothing more is written";
      }
      return {};
    } catch (const std::exception& error) {
      put_back(std::move(batch), error.what(), dynamic_cast<const Gone*>(&error) != nullptr);
      return error.what();
    }
  }

  void work() {
    auto last_beat = Clock::now();
    auto due = last_beat + destination->flush_every();
    std::unique_lock lock(mutex);
    while (!stopping && !closed) {
      // After a failure the clock alone decides, so that a full disk is not hammered.
      wake.wait_until(lock, due, [&] {
        return stopping || (!problem && (hurry || pending.events.size() >= kFlushEvents));
      });
      if (stopping) break;
      hurry = false;
      if (!pending.empty() || Clock::now() - last_beat >= destination->beat_every()) {
        lock.unlock();
        flush();
        lock.lock();
        last_beat = Clock::now();
      }
      due = Clock::now() + destination->flush_every();
    }
  }

  /// Whether all that is left now stands in the run's folder.
  bool spill(const std::optional<Ending>& ending) {
    if (folder.empty()) return false;
    pending.ending = ending;
    try {
      write_unsaved(folder, destination->attempt(), pending);
      pending = {};
      return true;
    } catch (const std::exception&) {
      return false;  // the database's own failure is told
    }
  }

  /// Once the thread has ended. Empty when all is safe, in the database or in a file.
  std::string save(const std::optional<Ending>& ending) {
    const auto start = Clock::now();
    const bool hurry = !ending || ending->status == Status::interrupted;
    while (true) {
      auto why = flush(ending);
      const auto waited = Clock::now() - start;
      if (why.empty() || ((hurry || gone || waited > kSpillAfter) && spill(ending))) return "";
      if (gone || waited > patience || !ending) return why;
      std::this_thread::sleep_for(250ms);
    }
  }

  void stop() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    wake.notify_all();
    if (thread.joinable()) thread.join();
  }
};

RunWriter::RunWriter(const std::string& path, std::int64_t run_id, std::string folder,
                     double patience)
    : impl_(std::make_unique<Impl>(to_database(path, run_id), std::move(folder), patience)) {}

RunWriter::RunWriter(const Spooled& spooled, double patience)
    : impl_(std::make_unique<Impl>(to_spool(spooled), spooled.folder, patience)) {}

RunWriter::~RunWriter() {
  impl_->stop();
  if (!impl_->closed) impl_->save(std::nullopt);
}

void RunWriter::add(MetricEvent event) {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->closed) return;
  if (impl_->pending_metrics + event.metrics.size() > kMostMetrics) {
    ++impl_->dropped;
    return;
  }
  impl_->pending_metrics += event.metrics.size();
  ++impl_->added;
  impl_->pending.events.push_back({std::move(event), now_ms()});
  if (impl_->pending.events.size() >= kFlushEvents) impl_->wake.notify_one();
}

void RunWriter::fact(std::string_view name, std::string_view text) {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->closed) return;
  ++impl_->added;
  impl_->pending.facts.emplace_back(name, text);
}

void RunWriter::artifact(std::string_view kind, std::string_view path) {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->closed) return;
  ++impl_->added;
  impl_->pending.artifacts.emplace_back(kind, path);
}

void RunWriter::begin(std::int64_t from, std::int64_t step) {
  const Beginning beginning{from, step};
  if (!impl_->destination->begin(beginning, impl_->patience.count())) return;
  const std::lock_guard lock(impl_->mutex);
  ++impl_->added;
  impl_->pending.begin = beginning;
}

bool RunWriter::settle(double seconds) {
  std::unique_lock lock(impl_->mutex);
  const auto wanted = impl_->added;
  impl_->hurry = impl_->stored < wanted;
  impl_->wake.notify_all();
  return impl_->saved.wait_for(lock, std::chrono::duration<double>(seconds), [&] {
    return impl_->stored >= wanted || impl_->closed || impl_->gone;
  });
}

std::optional<std::string> RunWriter::problem() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->problem;
}

bool RunWriter::hopeless() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->closed || impl_->gone ||
         (impl_->problem && Clock::now() - impl_->trouble_since > kHopelessAfter);
}

bool RunWriter::taken_over() const { return impl_->destination->taken_over(); }

void RunWriter::finish(Status status, const std::string& reason) {
  impl_->stop();
  if (impl_->closed) return;
  const auto waiting = impl_->pending.events.size();
  Ending ending{status, reason};
  if (impl_->dropped > 0) {
    ending.reason += (reason.empty() ? "" : "; ") +
                     ("logged events lost while nothing could be written: " +
                      std::to_string(impl_->dropped));
  }
  if (const auto why = impl_->save(ending); !why.empty()) {
    throw Error("the end of " + impl_->destination->name() + " and its last " +
                std::to_string(waiting) + " logged events could not be saved:\n  " + why);
  }
  impl_->closed = true;
}

}  // namespace attnlab::store
