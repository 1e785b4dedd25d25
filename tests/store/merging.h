/// merging.h: databases with runs in them, and all that one holds, without what differs between databases.
#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "framework/store/merge.h"
#include "framework/store/sqlite.h"
#include "tests/store/support.h"

namespace attnlab::store {

inline std::string printed_row(const Row& row) {
  std::ostringstream out;
  out.precision(17);
  for (const auto& value : row) {
    std::visit(
        [&](const auto& it) {
          if constexpr (std::is_same_v<decltype(it), const std::monostate&>) out << "NULL|";
          else out << it << "|";
        },
        value);
  }
  return out.str() + "\n";
}

/// Every table but for row ids and attempt numbers: attempts by their names, the rest by what it belongs
/// to. Where a run came from and where its files lie are told by tests of those.
inline std::string contents(const std::string& path, const std::string& where = "true") {
  const std::string of = " JOIN run_attempts AS a ON a.id = run_id WHERE " + where;
  std::string text;
  for (const auto& sql : std::vector<std::string>{
           "SELECT a.uid, fingerprint, fingerprint_parts, status, reason, kind, config_json, overrides, owner_host, "
           "owner_boot_id, owner_pid_space, owner_pid, owner_start_ticks, a.created_ms, started_ms, heartbeat_ms, "
           "ended_ms, continues_step, (SELECT uid FROM run_attempts AS c WHERE c.id = a.continues_id), sha256, "
           "content, studies.name FROM run_attempts AS a JOIN studies ON studies.id = study_id LEFT JOIN "
           "environments AS e ON e.id = environment_id WHERE " + where + " ORDER BY 1",
           "SELECT uid, name, unit, goal, step, value FROM metrics JOIN metric_keys AS k ON k.id = key_id" + of + " ORDER BY 1, 2, 5",
           "SELECT uid, name, last, last_step, minimum, maximum, count FROM run_last JOIN metric_keys AS k ON k.id = key_id" +
               of + " ORDER BY 1, 2",
           "SELECT uid, step, tokens_seen, train_seconds, wall_ms FROM events" + of + " ORDER BY 1, 2",
           "SELECT uid, key, value, typeof(value) FROM configs" + of + " ORDER BY 1, 2",
           "SELECT uid, name, text FROM facts" + of + " ORDER BY 1, 2",
           "SELECT uid, tag FROM run_tags" + of + " ORDER BY 1, 2",
           "SELECT uid, artifacts.kind, artifacts.created_ms FROM artifacts" + of + " ORDER BY 1, 2, 3",
           "SELECT uid, s.name FROM study_runs JOIN studies AS s ON s.id = study_runs.study_id" + of + " ORDER BY 1, 2"}) {
    Reader(path).each(sql, {}, [](const auto&) {}, [&](const Row& row) { text += printed_row(row); });
    text += "--\n";
  }
  return text;
}

inline void execute(const std::string& path, const std::string& sql) {
  Connection(path, Connection::Access::existing).execute(sql);
}

/// An attempt with numbers, words, files, a tag and a second study; its folder is made.
inline std::int64_t add_attempt(const std::string& path, const CellRecord& cell, Status end,
                                const std::vector<std::int64_t>& steps, double offset = 0) {
  Store store(path);
  const auto me = Owner::of_this_process();
  const auto claim = store.claim(cell, me);
  const auto folder = std::filesystem::path(path).parent_path() /
                      (cell.fingerprint.substr(0, 12) + "-" + std::to_string(claim.attempt));
  std::filesystem::create_directories(folder / "checkpoints" / "step-1");
  std::ofstream(folder / "log.txt") << "a log\n";
  store.started(claim.run_id, me, {{"cpu", "fast " + std::to_string(steps.size())}},
                {{"log", folder / "log.txt"}, {"checkpoints", folder / "checkpoints"}});
  std::vector<MetricEvent> events;
  for (const auto step : steps) {
    events.push_back(event(step, offset + 1.0 / static_cast<double>(step)));
    if (step % 2 == 0) events.back().metrics.push_back({{"val/loss", "nats", Goal::minimise}, NAN});
  }
  store.add_events(claim.run_id, events);
  store.add_facts(claim.run_id, {{"kernel", "flash"}, {"loss_chain", std::to_string(offset)}});
  if (end != Status::running) {
    EXPECT_TRUE(store.finish(claim.run_id, end, "the end"));
  }
  execute(path, "INSERT OR IGNORE INTO studies (name, created_ms) VALUES ('second', 5);"
                "INSERT INTO study_runs SELECT id, " + std::to_string(claim.run_id) + " FROM studies WHERE name = 'second';"
                "INSERT INTO run_tags VALUES (" + std::to_string(claim.run_id) + ", 'good')");
  return claim.run_id;
}

}  // namespace attnlab::store
