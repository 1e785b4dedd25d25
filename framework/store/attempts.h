/// attempts.h: the rows of run_attempts: who has a cell, who lost it. Inside a caller's
/// transaction.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "framework/store/sqlite.h"
#include "framework/store/store.h"

namespace attnlab::store {

/// An attempt that is running or done. `result` is what it means for somebody who wants the cell:
/// finished_before, running_elsewhere, or claimed: its owner is gone and the cell is free.
struct LiveAttempt {
  std::int64_t run_id = 0;
  std::int64_t attempt = 0;
  ClaimResult result = ClaimResult::claimed;
  Owner owner;
  std::int64_t heard_ms = 0;
};

[[nodiscard]] std::optional<LiveAttempt> find_live_attempt(const Connection& connection,
                                                           const std::string& fingerprint);
[[nodiscard]] std::vector<LiveAttempt> running_attempts(const Connection& connection);
/// The greatest attempt number of a cell; 0 when it was never tried.
[[nodiscard]] std::int64_t last_attempt(const Connection& connection,
                                        const std::string& fingerprint);

/// Those that `run_id` may go on from, newest first.
[[nodiscard]] std::vector<Earlier> earlier_attempts(const Connection& connection, std::int64_t run_id);
/// Folders of an attempt that are there: where the launcher put its log, and the folder of that name
/// beside the database, which may have been moved with it.
[[nodiscard]] std::vector<std::filesystem::path> run_folders(const Connection& connection,
                                                             std::int64_t run_id);

/// A new row, its flattened config and its place in its study.
Claim add_attempt(const Connection& connection, const CellRecord& cell, Status status,
                  const std::string& reason);
/// Made with this time of birth where there is none of the name.
std::int64_t study_id(const Connection& connection, const std::string& name, std::int64_t created_ms);
void join_study(const Connection& connection, const std::string& study, std::int64_t run_id);
void write_owner(const Connection& connection, std::int64_t run_id, const Owner& owner);
/// The same for a task of Slurm, with facts that people can read.
void write_task(const Connection& connection, std::int64_t run_id, const Owner& owner);
/// Whether the attempt is running and its owner is gone.
[[nodiscard]] bool is_abandoned(const Connection& connection, std::int64_t run_id);
/// A running attempt without numbers disappears.
void remove_claim(const Connection& connection, std::int64_t run_id);
/// SQL: why an attempt whose owner is gone counts as interrupted.
inline constexpr char kAbandonedReason[] =
    "'its process (pid ' || owner_pid || ' on ' || owner_host || ') ended without a word'";
/// Takes in what a running attempt without an owner could not save itself (unsaved.h), else marks it
/// as interrupted. Returns the file to be removed after the commit, or nothing.
[[nodiscard]] std::filesystem::path end_abandoned(const Connection& connection,
                                                  std::int64_t run_id);

/// The same for all that have none, a transaction each. Returns how many there were.
int end_all_abandoned(const Connection& connection);

}  // namespace attnlab::store
