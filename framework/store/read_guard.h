/// read_guard.h: what keeps a person's SQL from writing, attaching files or running for ever.
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

#include "framework/store/sqlite.h"

namespace attnlab::store {

/// Installed on a connection; lives as long as it. Beside mode=ro and query_only this is the third
/// lock on the same door: ATTACH and PRAGMA get past the first two.
/// SQLite asks about the time between its own steps, so that a query ends with an Error; but one
/// call of a function (instr() in a long text) is one step. A query that is five seconds late ends the
/// process, with the same words on stderr and exit code 1.
class ReadGuard {
 public:
  /// The clock is on from here, the other locks from lock() on.
  explicit ReadGuard(const Connection& connection);
  ReadGuard(const ReadGuard&) = delete;
  ReadGuard& operator=(const ReadGuard&) = delete;
  ~ReadGuard();

  void lock() const;
  void set_timeout(double seconds) { seconds_ = seconds; }  // 0: no limit
  void begin();                                             // a query: all of its time is left
  [[nodiscard]] std::string refusal() const;                // of a query that took too long

  /// While one lives SQLite works and the query's time runs. Of what is done with a row only the processor's time
  /// counts: a reader in front of a pager is waited for. Throws Error where that is used up.
  class Working {
   public:
    explicit Working(ReadGuard& guard);
    ~Working();
    Working(const Working&) = delete;
    Working& operator=(const Working&) = delete;

   private:
    ReadGuard& guard_;
    std::chrono::steady_clock::time_point started_;
  };

 private:
  using Clock = std::chrono::steady_clock;
  using Seconds = std::chrono::duration<double>;
  void require_processor_time();
  [[nodiscard]] bool late(Seconds patience) const;
  void watch(const std::stop_token& stop) const;

  sqlite3* database_;
  double seconds_ = 60;
  Seconds left_{};
  double begun_ = 0;  // seconds of this thread's processor time
  int rows_ = 0;      // since that was asked for
  std::atomic<Clock::rep> deadline_ = 0;  // of the work that goes on; 0: none
  std::jthread watch_;
};

}  // namespace attnlab::store
