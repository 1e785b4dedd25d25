#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "framework/store/open.h"
#include "framework/store/records.h"

namespace attnlab::store {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kFlushEvery = 500ms;
constexpr auto kBeatEvery = 2s;
constexpr std::size_t kFlushEvents = 256;
// About 100 MB of metrics. More cannot pile up unless nothing could be written for hours.
constexpr std::size_t kMostMetrics = 500'000;

}  // namespace

/// What waits to be written. Kept apart so that a failed write can be put back as it was.
struct Batch {
  std::vector<StampedEvent> events;
  Facts facts;
  [[nodiscard]] bool empty() const { return events.empty() && facts.empty(); }
};

struct RunWriter::Impl {
  Impl(const std::string& path, std::int64_t run)
      : connection(open_for_writing(path)), run_id(run) {}

  Connection connection;  // of the thread below; of finish() once that thread has ended
  const std::int64_t run_id;

  mutable std::mutex mutex;
  std::condition_variable wake;
  Batch pending;
  std::size_t pending_metrics = 0;
  std::size_t dropped = 0;  // events
  std::optional<std::string> problem;
  bool stopping = false;
  bool closed = false;  // ended, by us or by somebody else: nothing is written any more
  std::thread thread;

  Batch take() {
    const std::lock_guard lock(mutex);
    pending_metrics = 0;
    return std::exchange(pending, {});
  }

  void put_back(Batch batch, const std::string& why) {
    const std::lock_guard lock(mutex);
    std::swap(batch, pending);  // `batch` is now what came meanwhile, which goes behind
    std::move(batch.events.begin(), batch.events.end(), std::back_inserter(pending.events));
    std::move(batch.facts.begin(), batch.facts.end(), std::back_inserter(pending.facts));
    pending_metrics = 0;
    for (const auto& [event, wall] : pending.events) pending_metrics += event.metrics.size();
    problem = why;
  }

  /// One transaction: heartbeat, events, facts and, at the end, the status. False: the attempt was
  /// ended by somebody else, and nothing was written.
  bool write(const Batch& batch, const std::optional<std::pair<Status, std::string>>& end) {
    Transaction transaction(connection);
    if (!write_heartbeat(connection, run_id)) return false;
    write_events(connection, run_id, batch.events);
    write_facts(connection, run_id, batch.facts);
    if (end) write_end(connection, run_id, end->first, end->second);
    transaction.commit();
    return true;
  }

  /// Empty when all is well; otherwise the batch is back in the queue and the problem is told.
  std::string flush(const std::optional<std::pair<Status, std::string>>& end = std::nullopt) {
    Batch batch = take();
    try {
      const bool running = write(batch, end);
      const std::lock_guard lock(mutex);
      problem.reset();
      if (!running) {
        closed = true;
        problem = "run " + std::to_string(run_id) +
                  " was ended by another process; nothing more is written";
      }
      return {};
    } catch (const std::exception& error) {
      put_back(std::move(batch), error.what());
      return error.what();
    }
  }

  void work() {
    auto last_beat = Clock::now();
    auto due = last_beat + kFlushEvery;
    std::unique_lock lock(mutex);
    while (!stopping && !closed) {
      // After a failure the clock alone decides, so that a full disk is not hammered.
      wake.wait_until(lock, due, [&] {
        return stopping || (!problem && pending.events.size() >= kFlushEvents);
      });
      if (stopping) break;
      if (!pending.empty() || Clock::now() - last_beat >= kBeatEvery) {
        lock.unlock();
        flush();
        lock.lock();
        last_beat = Clock::now();
      }
      due = Clock::now() + kFlushEvery;
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

RunWriter::RunWriter(const std::string& path, std::int64_t run_id)
    : impl_(std::make_unique<Impl>(path, run_id)) {
  impl_->thread = std::thread([this] { impl_->work(); });
}

RunWriter::~RunWriter() {
  impl_->stop();
  // Without finish() the status stays as it is: whoever looks after the process sets it.
  if (!impl_->closed) impl_->flush();
}

void RunWriter::add(MetricEvent event) {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->closed) return;
  if (impl_->pending_metrics + event.metrics.size() > kMostMetrics) {
    ++impl_->dropped;
    return;
  }
  impl_->pending_metrics += event.metrics.size();
  impl_->pending.events.push_back({std::move(event), now_ms()});
  if (impl_->pending.events.size() >= kFlushEvents) impl_->wake.notify_one();
}

void RunWriter::fact(std::string_view name, std::string_view text) {
  const std::lock_guard lock(impl_->mutex);
  if (!impl_->closed) impl_->pending.facts.emplace_back(name, text);
}

std::optional<std::string> RunWriter::problem() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->problem;
}

void RunWriter::finish(Status status, const std::string& reason) {
  impl_->stop();
  if (impl_->closed) return;
  const auto waiting = impl_->pending.events.size();
  const auto lost =
      "logged events lost while nothing could be written: " + std::to_string(impl_->dropped);
  const auto told = impl_->dropped == 0 ? reason : reason.empty() ? lost : reason + "; " + lost;
  const auto why = impl_->flush(std::pair{status, told});
  if (!why.empty()) {
    throw Error("the end of run " + std::to_string(impl_->run_id) + " and its last " +
                std::to_string(waiting) + " logged events could not be saved:\n  " + why);
  }
  impl_->closed = true;
}

}  // namespace attnlab::store
