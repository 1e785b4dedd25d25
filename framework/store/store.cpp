#include "framework/store/store.h"

#include <nlohmann/json.hpp>

#include "framework/core/json_text.h"
#include "framework/store/attempts.h"
#include "framework/store/open.h"
#include "framework/store/records.h"
#include "framework/store/spool.h"
#include "framework/store/store_impl.h"
#include "framework/store/unsaved.h"

namespace attnlab::store {
namespace {

/// Adds the file's name and what was tried to SQLite's words about a broken reference.
[[noreturn]] void unknown_run(const Connection& connection, std::int64_t run_id) {
  throw Error("there is no run " + std::to_string(run_id) + " in '" + connection.path() +
              "'. attnlab runs lists them.");
}

void require_run(const Connection& connection, std::int64_t run_id) {
  if (connection.integer("SELECT id FROM run_attempts WHERE id = ?1", 0, run_id) == 0) {
    unknown_run(connection, run_id);
  }
}

}  // namespace

Store::Store(const std::string& path, Mode mode)
    : impl_(std::make_unique<Impl>(
          Impl{mode == Mode::read_write ? open_for_writing(path) : open_for_reading(path)})) {}
Store::~Store() = default;
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;

void Store::wait_for_locks(double seconds) { impl_->connection.wait_for_locks(seconds); }
std::string Store::displaced() const { return impl_->connection.displaced(); }

Claim Store::claim(const CellRecord& cell, const Owner& owner) {
  const auto& connection = impl_->connection;
  Transaction transaction(connection);
  std::filesystem::path taken;
  auto live = find_live_attempt(connection, cell.fingerprint);
  if (live && live->result == ClaimResult::claimed) {
    taken = end_abandoned(connection, live->run_id);
    live = find_live_attempt(connection, cell.fingerprint);  // done, where all it lacked was this
  }
  Claim claim;
  if (live) {
    join_study(connection, cell.study, live->run_id);
    claim = {live->result, live->run_id, live->attempt, live->owner, live->heard_ms};
  } else {
    claim = add_attempt(connection, cell, Status::running, "");
    write_owner(connection, claim.run_id, owner);
  }
  transaction.commit();
  remove_taken(taken);
  return claim;
}

std::optional<Claim> Store::peek(const std::string& fingerprint) const {
  const auto& connection = impl_->connection;
  const auto live = find_live_attempt(connection, fingerprint);
  if (live && live->result != ClaimResult::claimed) {
    return Claim{live->result, live->run_id, live->attempt, live->owner};
  }
  const auto attempts = last_attempt(connection, fingerprint);
  if (attempts == 0) return std::nullopt;
  return Claim{ClaimResult::claimed, 0, attempts + 1, {}};
}

std::int64_t Store::record_skipped(const CellRecord& cell, const std::string& reason) {
  const auto& connection = impl_->connection;
  Transaction transaction(connection);
  auto run_id = connection.integer(
      "SELECT id FROM run_attempts WHERE fingerprint = ?1 AND +status = 'skipped' AND reason = ?2",
      0, cell.fingerprint, reason);
  if (run_id != 0) {
    join_study(connection, cell.study, run_id);
  } else {
    run_id = add_attempt(connection, cell, Status::skipped, reason).run_id;
  }
  transaction.commit();
  return run_id;
}

void Store::started(std::int64_t run_id, const Owner& owner, const Facts& environment,
                    const Facts& artifacts) {
  const auto& connection = impl_->connection;
  const auto content =
      json_text(nlohmann::json(std::map<std::string, std::string>(environment.begin(), environment.end())));
  Transaction transaction(connection);
  require_run(connection, run_id);
  write_owner(connection, run_id, owner);
  write_environment(connection, run_id, content);
  write_artifacts(connection, run_id, artifacts);
  transaction.commit();
}

bool Store::finish(std::int64_t run_id, Status status, const std::string& reason) {
  Transaction transaction(impl_->connection);
  const auto taken = take_in(impl_->connection, run_id);
  const bool ended = write_end(impl_->connection, run_id, {status, reason});
  transaction.commit();
  remove_taken(taken);
  return ended;
}

void Store::add_facts(std::int64_t run_id, const Facts& facts) {
  Transaction transaction(impl_->connection);
  require_run(impl_->connection, run_id);
  write_facts(impl_->connection, run_id, facts);
  transaction.commit();
}

void Store::add_study_facts(const std::string& study, const Facts& facts) {
  const auto& connection = impl_->connection;
  Transaction transaction(connection);
  const auto id = connection.integer("SELECT id FROM studies WHERE name = ?1", 0, study);
  if (id == 0) throw Error("there is no study '" + study + "' any more");
  for (const auto& [name, text] : facts) {
    connection.run("INSERT OR REPLACE INTO study_facts (study_id, name, text) VALUES (?1, ?2, ?3)", id, name, text);
  }
  transaction.commit();
}

void Store::add_events(std::int64_t run_id, const std::vector<MetricEvent>& events) {
  std::vector<StampedEvent> stamped;
  for (const auto& event : events) stamped.push_back({event, now_ms()});
  Transaction transaction(impl_->connection);
  require_run(impl_->connection, run_id);
  write_events(impl_->connection, run_id, stamped);
  transaction.commit();
}

void Store::add_afterwards(std::int64_t run_id, const MetricEvent& event) {
  const auto& connection = impl_->connection;
  StampedEvent stamped{event, now_ms()};
  Transaction transaction(connection);
  require_run(connection, run_id);
  auto logged = connection.prepare(
      "SELECT tokens_seen, train_seconds, wall_ms FROM events WHERE run_id = ?1 AND step = ?2");
  if (logged.bind(run_id, event.step).step()) {
    stamped.event.tokens_seen = logged.integer(0);
    stamped.event.train_seconds = logged.real(1);
    stamped.wall_ms = logged.integer(2);
  }
  logged.reset();
  write_events(connection, run_id, {stamped});
  transaction.commit();
  fold_wal_at_end(connection);
}

std::vector<Earlier> Store::earlier(std::int64_t run_id) const {
  return earlier_attempts(impl_->connection, run_id);
}

Status Store::status(std::int64_t run_id) const {
  auto statement = impl_->connection.prepare("SELECT status FROM run_attempts WHERE id = ?1");
  if (!statement.bind(run_id).step()) unknown_run(impl_->connection, run_id);
  return status_from(statement.text(0)).value();
}

std::filesystem::path Store::folder(std::int64_t run_id) const {
  const auto found = run_folders(impl_->connection, run_id);
  return found.empty() ? std::filesystem::path() : found.front();
}

void Store::hand_over(const std::vector<std::pair<std::int64_t, Owner>>& tasks) {
  Transaction transaction(impl_->connection);
  for (const auto& [run_id, owner] : tasks) write_task(impl_->connection, run_id, owner);
  transaction.commit();
}

void Store::withdraw(std::int64_t run_id) {
  Transaction transaction(impl_->connection);
  remove_claim(impl_->connection, run_id);
  transaction.commit();
}

bool Store::adopt(std::int64_t run_id, const Owner& owner) {
  Transaction transaction(impl_->connection);
  const bool dead = is_abandoned(impl_->connection, run_id);
  if (dead) write_task(impl_->connection, run_id, owner);
  transaction.commit();
  return dead;
}

Taken Store::take_spool(std::int64_t run_id, Spool& spool) {
  const auto news = spool.read();
  if (news.empty()) return status(run_id) == Status::running ? Taken::nothing : Taken::ended;
  Transaction transaction(impl_->connection);
  if (!write_heartbeat(impl_->connection, run_id)) return Taken::ended;
  for (const auto& each : news) {
    if (each.life) write_life(impl_->connection, run_id, *each.life);
    write_batch(impl_->connection, run_id, each.batch);
  }
  transaction.commit();
  spool.taken();
  return Taken::something;
}

int Store::reap_dead() { return end_all_abandoned(impl_->connection); }

void Store::checkpoint() { fold_wal(impl_->connection); }

}  // namespace attnlab::store
