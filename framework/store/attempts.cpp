#include "framework/store/attempts.h"

#include <algorithm>

#include "framework/core/files.h"
#include "framework/store/records.h"
#include "framework/store/unsaved.h"

namespace attnlab::store {
namespace {

constexpr char kLiveColumns[] =
    "SELECT id, attempt, status, owner_host, owner_boot_id, owner_pid, owner_start_ticks, "
    "owner_pid_space, coalesce(heartbeat_ms, started_ms, created_ms) FROM run_attempts ";

// A job may wait in Slurm's queue for days, while nobody follows it.
bool abandoned(const Owner& owner, std::int64_t heartbeat_ms) {
  if (owner.in_slurm()) return false;
  if (const auto alive = owner.alive()) return !*alive;
  return now_ms() - heartbeat_ms > kSilenceMs;
}

LiveAttempt read_live(const Statement& row) {
  LiveAttempt live;
  live.run_id = row.integer(0);
  live.attempt = row.integer(1);
  live.owner = {row.text(3), row.text(4), row.integer(5), row.integer(6), row.text(7)};
  live.heard_ms = row.integer(8);
  if (row.text(2) == "done") {
    live.result = ClaimResult::finished_before;
  } else if (!abandoned(live.owner, row.integer(8))) {
    live.result = ClaimResult::running_elsewhere;
  }
  return live;
}

}  // namespace

std::int64_t study_id(const Connection& connection, const std::string& name, std::int64_t created_ms) {
  connection.run("INSERT INTO studies (name, created_ms) VALUES (?1, ?2) ON CONFLICT DO NOTHING", name, created_ms);
  return connection.integer("SELECT id FROM studies WHERE name = ?1", 0, name);
}

std::optional<LiveAttempt> find_live_attempt(const Connection& connection,
                                             const std::string& fingerprint) {
  auto rows = connection.prepare(std::string(kLiveColumns) +
                                 "WHERE fingerprint = ?1 AND status IN ('running', 'done')");
  if (!rows.bind(fingerprint).step()) return std::nullopt;
  return read_live(rows);
}

std::vector<LiveAttempt> running_attempts(const Connection& connection) {
  auto rows = connection.prepare(std::string(kLiveColumns) + "WHERE status = 'running'");
  std::vector<LiveAttempt> running;
  while (rows.step()) running.push_back(read_live(rows));
  return running;
}

std::int64_t last_attempt(const Connection& connection, const std::string& fingerprint) {
  return connection.integer("SELECT max(attempt) FROM run_attempts WHERE fingerprint = ?1", 0,
                            fingerprint);
}

std::vector<std::filesystem::path> run_folders(const Connection& connection, std::int64_t run_id) {
  // A merged run's folder does not move with this database, and a folder of that name beside it may be
  // another attempt's.
  auto rows = connection.prepare(
      "SELECT path, merged_from IS NULL FROM artifacts JOIN run_attempts ON id = run_id "
      "WHERE run_id = ?1 AND artifacts.kind = 'log'");
  rows.bind(run_id);
  std::vector<std::filesystem::path> found;
  while (rows.step()) {
    const auto folder = std::filesystem::path(rows.text(0)).parent_path();
    const auto beside = std::filesystem::path(connection.path()).parent_path() / folder.filename();
    for (const auto& each : {folder, rows.integer(1) != 0 ? beside : folder}) {
      const bool known = std::ranges::find(found, each) != found.end();
      if (!known && is_folder(each)) found.push_back(each);
    }
  }
  return found;
}

Claim add_attempt(const Connection& connection, const CellRecord& cell, Status status,
                  const std::string& reason) {
  Claim made{ClaimResult::claimed, 0, last_attempt(connection, cell.fingerprint) + 1};
  const auto now = now_ms();
  connection.run(
      "INSERT INTO run_attempts (study_id, fingerprint, attempt, status, reason, "
      "fingerprint_parts, config_json, overrides, created_ms, started_ms, heartbeat_ms, kind, uid) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?9, ?10, lower(hex(randomblob(16))))",
      study_id(connection, cell.study, now), cell.fingerprint, made.attempt, to_text(status), reason,
      cell.fingerprint_parts, cell.config_json, cell.overrides, now, to_text(cell.kind));
  made.run_id = connection.last_id();
  if (status != Status::running) {
    connection.run("UPDATE run_attempts SET ended_ms = ?2 WHERE id = ?1", made.run_id, now);
  }
  write_config(connection, made.run_id, cell.config_json);
  join_study(connection, cell.study, made.run_id);
  return made;
}

void join_study(const Connection& connection, const std::string& study, std::int64_t run_id) {
  connection.run("INSERT INTO study_runs (study_id, run_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                 study_id(connection, study, now_ms()), run_id);
}

void write_owner(const Connection& connection, std::int64_t run_id, const Owner& owner) {
  connection.run(
      "UPDATE run_attempts SET owner_host = ?2, owner_boot_id = ?3, owner_pid = ?4, "
      "owner_start_ticks = ?5, owner_pid_space = ?6, heartbeat_ms = ?7 WHERE id = ?1",
      run_id, owner.host, owner.boot_id, owner.pid, owner.start_ticks, owner.pid_space, now_ms());
}

void write_task(const Connection& connection, std::int64_t run_id, const Owner& owner) {
  write_owner(connection, run_id, owner);
  write_facts(connection, run_id,
              {{"slurm_job", std::to_string(owner.pid) + "_" + std::to_string(owner.start_ticks)},
               {"slurm_cluster", owner.cluster()}});
}

bool is_abandoned(const Connection& connection, std::int64_t run_id) {
  auto rows = connection.prepare(std::string(kLiveColumns) + "WHERE id = ?1 AND status = 'running'");
  return rows.bind(run_id).step() && read_live(rows).result == ClaimResult::claimed;
}

void remove_claim(const Connection& connection, std::int64_t run_id) {
  if (connection.integer("SELECT count(*) FROM run_attempts AS a WHERE id = ?1 AND status = 'running' AND NOT EXISTS "
                         "(SELECT 1 FROM events WHERE run_id = a.id)", 0, run_id) == 0) {
    return;
  }
  for (const char* table : {"study_runs", "configs", "facts", "artifacts", "run_tags"}) {
    connection.run(std::string("DELETE FROM ") + table + " WHERE run_id = ?1", run_id);
  }
  connection.run("DELETE FROM run_attempts WHERE id = ?1", run_id);
}

std::filesystem::path end_abandoned(const Connection& connection, std::int64_t run_id) {
  auto file = take_in(connection, run_id);
  connection.run(std::string("UPDATE run_attempts SET status = 'interrupted', ended_ms = ?2, reason = ") +
                     kAbandonedReason + " WHERE id = ?1 AND status = 'running'",
                 run_id, now_ms());
  return file;
}

int end_all_abandoned(const Connection& connection) {
  int ended = 0;
  for (const auto& attempt : running_attempts(connection)) {
    if (attempt.result != ClaimResult::claimed) continue;
    Transaction transaction(connection);
    const auto taken = end_abandoned(connection, attempt.run_id);
    transaction.commit();
    remove_taken(taken);
    ++ended;
  }
  return ended;
}

}  // namespace attnlab::store
