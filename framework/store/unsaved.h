/// unsaved.h: what a run could not write into the database, as a file in the run's folder. Whoever
///   looks after dead attempts takes it in.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "framework/core/status.h"
#include "framework/store/records.h"

namespace attnlab::store {

inline constexpr char kUnsavedFile[] = "unsaved.json";

/// What a run's numbers go on from: those of `from`, a run or an earlier life of its own, up to `step`.
/// 0: it begins anew.
struct Beginning {
  std::int64_t from = 0;
  std::int64_t step = -1;
};

/// What waits to be written, and how the run ended, where it did.
struct Batch {
  std::optional<Beginning> begin{};  // before all the rest
  std::vector<StampedEvent> events;
  Facts facts;
  Facts artifacts{};  // kind, path
  std::optional<Ending> ending{};
  [[nodiscard]] bool empty() const {
    return !begin && events.empty() && facts.empty() && artifacts.empty();
  }
};

/// A name for the attempt that no other database has: its fingerprint and number.
[[nodiscard]] std::string attempt_name(const Connection& connection, std::int64_t run_id);

/// Inside a caller's transaction: the run's numbers are those of `beginning` from now on, and facts
/// that it lacks come from there; what it had logged past that step is gone.
void go_on_from(const Connection& connection, std::int64_t run_id, const Beginning& beginning);
/// The beginning, events, facts and artifacts. Inside a caller's transaction.
void write_batch(const Connection& connection, std::int64_t run_id, const Batch& batch);

/// One line of JSON without its end, and back. Throws Error: no such JSON, another attempt's.
[[nodiscard]] std::string batch_text(const Batch& batch, const std::string& attempt);
[[nodiscard]] Batch batch_from(const std::string& json, const std::string& attempt);

/// Writes folder/unsaved.json, whole or not at all. Throws Error.
void write_unsaved(const std::filesystem::path& folder, const std::string& attempt,
                   const Batch& batch);

/// Inside a caller's transaction: stores what a running attempt left, if anything, and its ending.
/// The file, to be removed after the commit; empty where there was none. A file that cannot be read
/// stays where it is, and the attempt ends as interrupted, with its path.
[[nodiscard]] std::filesystem::path take_in(const Connection& connection, std::int64_t run_id);
/// After the commit. A file that stays does no harm: its attempt has ended.
void remove_taken(const std::filesystem::path& taken);

}  // namespace attnlab::store
