// study_plan.cpp: who goes on with a plan of looks, so that two plans of one study are never followed at once.
#include "framework/store/attempts.h"
#include "framework/store/records.h"
#include "framework/store/store_impl.h"

namespace attnlab::store {
namespace {

std::string text_named(const Connection& connection, std::int64_t study, const char* name) {
  auto rows = connection.prepare("SELECT text FROM study_facts WHERE study_id = ?1 AND name = ?2");
  return rows.bind(study, name).step() ? rows.text(0) : "";
}

bool is_held(const Connection& connection, std::int64_t study) {
  auto rows = connection.prepare(
      "SELECT text ->> '$.host', text ->> '$.boot_id', text ->> '$.pid', text ->> '$.start_ticks', text ->> '$.pid_space' "
      "FROM study_facts WHERE study_id = ?1 AND name = 'holder' AND json_valid(text)");
  if (!rows.bind(study).step()) return false;
  const Owner holder{rows.text(0), rows.text(1), rows.integer(2), rows.integer(3), rows.text(4)};
  if (const auto alive = holder.alive()) return *alive;
  // Of another container or host its runs tell.
  auto runs = connection.prepare("SELECT fingerprint FROM study_runs JOIN run_attempts ON id = run_id WHERE study_runs.study_id = ?1 "
                                 "AND status = 'running'");
  runs.bind(study);
  while (runs.step()) {
    const auto live = find_live_attempt(connection, runs.text(0));
    if (live && live->result == ClaimResult::running_elsewhere) return true;
  }
  return false;
}

}  // namespace

bool Store::hold_plan(const std::string& study, const std::string& plan, const Owner& owner) {
  const auto& connection = impl_->connection;
  Transaction transaction(connection);
  const auto id = study_id(connection, study, now_ms());
  const auto before = text_named(connection, id, "plan");
  const bool held = is_held(connection, id);
  if (!before.empty() && before != plan) {
    const bool looked = connection.integer("SELECT count(*) FROM study_facts WHERE study_id = ?1 AND name LIKE 'look\\_%' ESCAPE '\\'", 0, id) > 0;
    if (held || looked) return false;
  }
  const auto put = [&](const char* name, const std::string& text) {
    connection.run("INSERT OR REPLACE INTO study_facts (study_id, name, text) VALUES (?1, ?2, ?3)", id, name, text);
  };
  put("plan", plan);
  if (!held) {
    put("holder", connection.texts("SELECT json_object('host', ?1, 'boot_id', ?2, 'pid', ?3, 'start_ticks', ?4, 'pid_space', ?5)",
                                   owner.host, owner.boot_id, owner.pid, owner.start_ticks, owner.pid_space).at(0));
  }
  transaction.commit();
  return true;
}

}  // namespace attnlab::store
