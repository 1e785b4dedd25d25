// continuation.cpp: attempts that go on where an earlier one of the same cell was stopped.
#include <chrono>
#include <thread>

#include "framework/core/files.h"
#include "framework/core/status_lines.h"
#include "framework/store/attempts.h"
#include "framework/store/open.h"
#include "framework/store/spool.h"
#include "framework/store/store.h"
#include "framework/store/unsaved.h"

namespace attnlab::store {
namespace {

// ?1 goes on from ?2, whose numbers count up to step ?3. What ?1 has written itself stays.
constexpr const char* kCopies[] = {
    "INSERT INTO metrics (run_id, key_id, step, value) SELECT ?1, key_id, step, value FROM metrics "
    "WHERE run_id = ?2 AND step <= ?3 ON CONFLICT DO NOTHING",
    "INSERT INTO events (run_id, step, tokens_seen, train_seconds, wall_ms) "
    "SELECT ?1, step, tokens_seen, train_seconds, wall_ms FROM events "
    "WHERE run_id = ?2 AND step <= ?3 ON CONFLICT DO NOTHING",
    "INSERT INTO facts (run_id, name, text) SELECT ?1, name, text FROM facts "
    "WHERE run_id = ?2 AND name NOT IN ('continues', 'from_scratch') AND ?3 >= 0 ON CONFLICT DO NOTHING",
    "UPDATE run_attempts SET continues_id = ?2, continues_step = ?3 WHERE id = ?1"};

constexpr char kSumUp[] = R"(
INSERT OR REPLACE INTO run_last (run_id, key_id, last, last_step, minimum, maximum, count)
SELECT ?1, key_id,
       (SELECT value FROM metrics AS m WHERE m.run_id = ?1 AND m.key_id = all_of.key_id
        ORDER BY step DESC LIMIT 1),
       max(step), min(value), max(value), count(*)
FROM metrics AS all_of WHERE run_id = ?1 GROUP BY key_id)";

// An earlier life of ?1 had come further than step ?2.
constexpr const char* kRewinds[] = {"DELETE FROM metrics WHERE run_id = ?1 AND step > ?2",
                                    "DELETE FROM events WHERE run_id = ?1 AND step > ?2"};

// A batch system may call a run lost that goes on: what that run left in its folder after the last look,
// a checkpoint among it, is its own all the same. Nothing where it left no spool.
void take_rest(const Connection& connection, std::int64_t run_id) {
  auto attempt = connection.prepare("SELECT fingerprint, attempt FROM run_attempts WHERE id = ?1");
  if (!attempt.bind(run_id).step()) return;
  for (const auto& folder : run_folders(connection, run_id)) {
    if (!is_there(spool_file(folder, 0))) continue;
    Spool spool(folder, attempt.text(0), attempt.integer(1));
    for (auto news = spool.read(); !news.empty(); news = spool.read()) {
      for (const auto& each : news) write_batch(connection, run_id, each.batch);
      spool.taken();
    }
    return;
  }
}

void copy_from(const Connection& connection, std::int64_t run_id, std::int64_t from, std::int64_t step) {
  take_rest(connection, from);
  for (const auto* sql : kCopies) connection.run(sql, run_id, from, step);
}

void sum_up(const Connection& connection, std::int64_t run_id) {
  connection.run("DELETE FROM run_last WHERE run_id = ?1", run_id);
  connection.run(kSumUp, run_id);
}

void copy(const std::string& database, std::int64_t run_id, std::int64_t from, std::int64_t step) {
  const auto connection = open_existing(database);
  connection.wait_for_locks(kRunLockWait);
  Transaction transaction(connection);
  copy_from(connection, run_id, from, step);
  sum_up(connection, run_id);
  transaction.commit();
}

}  // namespace

std::vector<Earlier> earlier_attempts(const Connection& connection, std::int64_t run_id) {
  auto rows = connection.prepare(
      "SELECT a.id, a.attempt, EXISTS (SELECT 1 FROM facts WHERE run_id = a.id AND name = 'shared' AND "
      "text = '1'), EXISTS (SELECT 1 FROM facts WHERE run_id = a.id AND name = 'from_scratch') "
      "FROM run_attempts AS a JOIN run_attempts AS now ON now.fingerprint = a.fingerprint "
      "WHERE now.id = ?1 AND a.attempt < now.attempt AND a.status IN ('interrupted', 'failed') "
      "ORDER BY a.attempt DESC");
  rows.bind(run_id);
  std::vector<Earlier> found;
  while (rows.step()) {
    const auto id = rows.integer(0);
    for (const auto& folder : run_folders(connection, id)) {
      found.push_back({id, rows.integer(1), folder, rows.integer(2) != 0});
    }
    if (rows.integer(3) != 0) break;  // what is before it was given up
  }
  return found;
}

void go_on_from(const Connection& connection, std::int64_t run_id, const Beginning& beginning) {
  const auto kept = beginning.from == run_id ? beginning.step : std::int64_t{-1};
  for (const auto* sql : kRewinds) connection.run(sql, run_id, kept);
  if (beginning.from != 0 && beginning.from != run_id) {
    copy_from(connection, run_id, beginning.from, beginning.step);
  }
  sum_up(connection, run_id);
}

void continue_from(const std::string& database, std::int64_t run_id, std::int64_t from,
                   std::int64_t step, double patience) {
  const double start = clock_seconds();
  while (true) {
    try {
      return copy(database, run_id, from, step);
    } catch (const Error& error) {
      if (!may_pass(error) || clock_seconds() - start > patience) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
  }
}

}  // namespace attnlab::store
