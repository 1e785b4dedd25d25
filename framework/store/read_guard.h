/// read_guard.h: what keeps a person's SQL from writing, attaching files or running for ever.
#pragma once

#include <chrono>

#include "framework/store/sqlite.h"

namespace attnlab::store {

/// Installed on a connection; lives as long as it. Beside mode=ro and query_only this is the third
/// lock on the same door: ATTACH and PRAGMA get past the first two.
class ReadGuard {
 public:
  explicit ReadGuard(const Connection& connection);
  ReadGuard(const ReadGuard&) = delete;
  ReadGuard& operator=(const ReadGuard&) = delete;
  ~ReadGuard();

  void set_timeout(double seconds) { seconds_ = seconds; }
  [[nodiscard]] double timeout() const { return seconds_; }
  void start();  // of a query: its time begins

 private:
  sqlite3* database_;
  double seconds_ = 0;
  std::chrono::steady_clock::time_point deadline_{};
};

}  // namespace attnlab::store
