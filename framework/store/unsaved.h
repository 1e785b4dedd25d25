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

/// What waits to be written, and how the run ended, where it did.
struct Batch {
  std::vector<StampedEvent> events;
  Facts facts;
  Facts artifacts{};  // kind, path
  std::optional<Ending> ending{};
  [[nodiscard]] bool empty() const { return events.empty() && facts.empty() && artifacts.empty(); }
};

/// A name for the attempt that no other database has: its fingerprint and number.
[[nodiscard]] std::string attempt_name(const Connection& connection, std::int64_t run_id);

/// Writes folder/unsaved.json, whole or not at all. Throws Error.
void write_unsaved(const std::filesystem::path& folder, const std::string& attempt,
                   const Batch& batch);

/// Inside a caller's transaction: stores what a running attempt left, if anything, and its ending.
/// The file, to be removed after the commit; empty where there was none. A file that cannot be read
/// stays where it is, and the attempt ends as interrupted, with its path.
[[nodiscard]] std::filesystem::path take_in(const Connection& connection, std::int64_t run_id);

}  // namespace attnlab::store
