#include "framework/store/records.h"

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "framework/core/digest.h"
#include "framework/core/text.h"

namespace attnlab::store {
namespace {

/// The dictionary of metric keys, asked once per key and batch.
class KeyIds {
 public:
  explicit KeyIds(const Connection& connection)
      : find_(connection.prepare("SELECT id FROM metric_keys WHERE name = ?1")),
        add_(connection.prepare(
            "INSERT INTO metric_keys (name, unit, goal) VALUES (?1, ?2, ?3) RETURNING id")) {}

  std::int64_t operator()(const MetricKey& key) {
    const auto [known, fresh] = ids_.try_emplace(key.name, 0);
    if (fresh) known->second = look_up(key);
    return known->second;
  }

 private:
  std::int64_t look_up(const MetricKey& key) {
    find_.bind(key.name);
    const bool found = find_.step();
    auto& statement = found ? find_ : add_;
    if (!found) statement.bind(key.name, key.unit, to_text(key.goal)).step();
    const auto id = statement.integer(0);
    statement.reset();
    return id;
  }

  Statement find_, add_;
  std::map<std::string, std::int64_t> ids_;
};

/// New rows extend the summary; a key with replaced rows is summed up anew from its metrics.
constexpr char kExtendSummary[] = R"(
INSERT INTO run_last (run_id, key_id, last, last_step, minimum, maximum, count)
VALUES (?1, ?2, ?4, ?3, ?4, ?4, 1)
ON CONFLICT (run_id, key_id) DO UPDATE SET
  last = iif(excluded.last_step >= last_step, excluded.last, last),
  last_step = max(last_step, excluded.last_step),
  minimum = min(coalesce(minimum, excluded.minimum), coalesce(excluded.minimum, minimum)),
  maximum = max(coalesce(maximum, excluded.maximum), coalesce(excluded.maximum, maximum)),
  count = count + 1)";

constexpr char kRedoSummary[] = R"(
UPDATE run_last SET
  (minimum, maximum, count, last_step) =
    (SELECT min(value), max(value), count(*), max(step) FROM metrics WHERE run_id = ?1 AND key_id = ?2),
  last = (SELECT value FROM metrics WHERE run_id = ?1 AND key_id = ?2 ORDER BY step DESC LIMIT 1)
WHERE run_id = ?1 AND key_id = ?2)";

/// Lists stay whole, as JSON text; booleans are 0 and 1, as SQLite has them.
void flatten(const nlohmann::json& node, const std::string& path,
             std::vector<std::pair<std::string, Value>>& out) {
  if (node.is_object()) {
    for (const auto& [key, child] : node.items()) {
      flatten(child, key_below(path, key), out);
    }
    return;
  }
  Value value = std::monostate{};
  if (node.is_boolean())
    value = std::int64_t{node.get<bool>()};
  else if (node.is_number_integer())
    value = node.get<std::int64_t>();
  else if (node.is_number())
    value = node.get<double>();
  else if (node.is_string())
    value = node.get<std::string>();
  else if (node.is_array())
    value = node.dump();
  out.emplace_back(path, std::move(value));
}

}  // namespace

std::string_view to_text(RunKind kind) { return kind == RunKind::train ? "train" : "time"; }

std::int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

void write_events(const Connection& connection, std::int64_t run_id,
                  const std::vector<StampedEvent>& events) {
  KeyIds key_id(connection);
  auto clock = connection.prepare(
      "INSERT INTO events (run_id, step, tokens_seen, train_seconds, wall_ms) "
      "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (run_id, step) DO UPDATE SET "
      "tokens_seen = excluded.tokens_seen, train_seconds = excluded.train_seconds, "
      "wall_ms = excluded.wall_ms");
  auto add = connection.prepare(
      "INSERT INTO metrics (run_id, key_id, step, value) VALUES (?1, ?2, ?3, ?4) "
      "ON CONFLICT DO NOTHING");
  auto replace = connection.prepare(
      "UPDATE metrics SET value = ?4 WHERE run_id = ?1 AND key_id = ?2 AND step = ?3");
  auto extend = connection.prepare(kExtendSummary);
  std::set<std::int64_t> replaced;
  for (const auto& [event, wall_ms] : events) {
    clock.bind(run_id, event.step, event.tokens_seen, event.train_seconds, wall_ms).run();
    for (const auto& metric : event.metrics) {
      const auto key = key_id(metric.key);
      add.bind(run_id, key, event.step, metric.value).run();
      if (connection.changes() == 1) {
        extend.bind(run_id, key, event.step, metric.value).run();
      } else {
        replace.bind(run_id, key, event.step, metric.value).run();
        replaced.insert(key);
      }
    }
  }
  for (const auto key : replaced) connection.run(kRedoSummary, run_id, key);
}

void write_facts(const Connection& connection, std::int64_t run_id, const Facts& facts) {
  auto add = connection.prepare(
      "INSERT INTO facts (run_id, name, text) VALUES (?1, ?2, ?3) "
      "ON CONFLICT (run_id, name) DO UPDATE SET text = excluded.text");
  for (const auto& [name, text] : facts) add.bind(run_id, name, text).run();
}

void write_artifacts(const Connection& connection, std::int64_t run_id, const Facts& artifacts) {
  auto add = connection.prepare(
      "INSERT INTO artifacts (run_id, kind, path, created_ms) VALUES (?1, ?2, ?3, ?4) "
      "ON CONFLICT DO UPDATE SET created_ms = excluded.created_ms");
  for (const auto& [kind, path] : artifacts) add.bind(run_id, kind, path, now_ms()).run();
}

std::int64_t environment_id(const Connection& connection, const std::string& digest, const std::string& content) {
  connection.run("INSERT INTO environments (sha256, content) VALUES (?1, ?2) ON CONFLICT DO NOTHING", digest, content);
  return connection.integer("SELECT id FROM environments WHERE sha256 = ?1", 0, digest);
}

void write_environment(const Connection& connection, std::int64_t run_id, const std::string& content) {
  connection.run("UPDATE run_attempts SET environment_id = ?2 WHERE id = ?1", run_id,
                 environment_id(connection, sha256_hex(content), content));
}

bool write_heartbeat(const Connection& connection, std::int64_t run_id) {
  connection.run("UPDATE run_attempts SET heartbeat_ms = ?2 WHERE id = ?1 AND status = 'running'",
                 run_id, now_ms());
  return connection.changes() == 1;
}

bool write_end(const Connection& connection, std::int64_t run_id, const Ending& ending) {
  connection.run(
      "UPDATE run_attempts SET status = ?2, reason = ?3, ended_ms = ?4 "
      "WHERE id = ?1 AND status = 'running'",
      run_id, to_text(ending.status), ending.reason, now_ms());
  return connection.changes() == 1;
}

void write_config(const Connection& connection, std::int64_t run_id,
                  const std::string& config_json) {
  const auto config = nlohmann::json::parse(config_json, nullptr, false);
  if (!config.is_object()) throw Error("the config of a run is not a JSON object: " + config_json);
  std::vector<std::pair<std::string, Value>> flat;
  flatten(config, "", flat);
  auto add = connection.prepare("INSERT INTO configs (run_id, key, value) VALUES (?1, ?2, ?3)");
  for (const auto& [key, value] : flat) add.bind(run_id, key, value).run();
}

}  // namespace attnlab::store
