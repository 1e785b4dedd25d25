/// merge_numbers.h: metrics and events of one attempt, from one database into another. Part of merge.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "framework/store/sqlite.h"

namespace attnlab::store {

/// Writing that leaves others a turn: a transaction is always open, and wrote() begins a new one when it
/// has lasted a twentieth of a second.
class Batches {
 public:
  explicit Batches(const Connection& into);
  void wrote();
  void commit();  // for good

 private:
  void begin();
  const Connection& into_;
  std::optional<Transaction> open_;
  std::chrono::steady_clock::time_point begun_;
  int rows_ = 0;
};

/// Ids of metric keys on both sides, by name. A key with another unit or goal there is a conflict and has
/// no id.
class KeyMap {
 public:
  KeyMap(const Connection& from, const Connection& into, std::vector<std::string>& conflicts);
  [[nodiscard]] std::optional<std::int64_t> operator()(std::int64_t from_key);

 private:
  [[nodiscard]] std::optional<std::int64_t> look_up(std::int64_t from_key);
  const Connection& from_;
  const Connection& into_;
  std::vector<std::string>& conflicts_;
  std::map<std::int64_t, std::optional<std::int64_t>> known_;
};

/// The attempt on both sides. `newer`: what `from` says counts; else what stands here stays.
/// `all`: every row is looked at, not only those behind the last one that is here.
struct Pair {
  std::int64_t from = 0, into = 0;
  bool newer = false, all = false;
};

struct Numbers {
  std::int64_t written = 0, differing = 0;
};

/// Inside the batches' transactions. What has been committed when it is cut short is a part of the rows
/// with a summary that is not behind them.
[[nodiscard]] Numbers merge_numbers(const Connection& from, const Connection& into, Batches& batches,
                                    KeyMap& keys, const Pair& pair);

}  // namespace attnlab::store
