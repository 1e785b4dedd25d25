// merge_parts.cpp: what belongs to an attempt, besides its numbers.
#include <set>

#include "framework/core/files.h"
#include "framework/core/text.h"
#include "framework/store/attempts.h"
#include "framework/store/merge_attempt.h"
#include "framework/store/records.h"

namespace attnlab::store {
namespace {

namespace fs = std::filesystem;

Value id_or_null(std::int64_t id) { return id == 0 ? Value{} : Value{id}; }

/// "?1, ?2" of as many as there are names, or "a = ?1, b = ?2".
std::string placeholders(const std::vector<std::string>& names, bool named) {
  std::vector<std::string> terms;
  for (const auto& name : names) {
    terms.push_back((named ? name + " = " : std::string()) + "?" + std::to_string(terms.size() + 1));
  }
  return join(terms, ", ");
}

}  // namespace

Standing standing(const std::string& status) {
  if (status == "running" || status == "planned") return Standing::open;
  return status == "interrupted" ? Standing::interrupted : Standing::ended;
}

/// Not yet as it is there, so that a merge that is cut short leaves nothing that looks whole.
AttemptMerge::Id AttemptMerge::add(const Incoming& attempt) {
  auto study = from_.prepare("SELECT name, studies.created_ms FROM studies JOIN run_attempts ON studies.id = study_id "
                             "WHERE run_attempts.id = ?1");
  study.bind(attempt.id).step();
  auto names = carried_;
  auto values = attempt.carried;
  const auto set = [&](const char* name, Value value) {
    names.emplace_back(name);
    values.push_back(std::move(value));
  };
  set("uid", attempt.uid);
  // What this database gave away and lost is at home here.
  set("merged_from", attempt.home == into_file_ ? Value{} : Value{attempt.home});
  set("status", "interrupted");
  set("reason", "it was being merged from '" + from_file_ + "', which was not finished; merge it again");
  set("attempt", std::max(attempt.attempt, last_attempt(into_, attempt.fingerprint) + 1));
  set("study_id", study_id(into_, study.text(0), study.integer(1)));
  into_.prepare("INSERT INTO run_attempts (" + join(names, ", ") + ") VALUES (" + placeholders(names, false) + ")")
      .bind_row(values)
      .run();
  const auto into_id = into_.last_id();
  auto config = from_.prepare("SELECT key, value FROM configs WHERE run_id = ?1");
  auto add = into_.prepare("INSERT INTO configs (run_id, key, value) VALUES (?1, ?2, ?3)");
  config.bind(attempt.id);
  while (config.step()) add.bind(into_id, config.text(0), config.value(1)).run();
  return into_id;
}

/// As it stands there.
void AttemptMerge::settle(const Incoming& attempt, Id into_id) {
  auto names = carried_;
  auto values = attempt.carried;
  names.insert(names.end(), {"status", "reason", "heartbeat_ms"});
  values.insert(values.end(), {attempt.status, attempt.reason, attempt.heartbeat});
  into_.prepare("UPDATE run_attempts SET " + placeholders(names, true) + " WHERE id = " + std::to_string(into_id))
      .bind_row(values)
      .run();
  const auto continued = ids_.find(attempt.continues);
  into_.run("UPDATE run_attempts SET environment_id = coalesce(?2, environment_id), "
            "continues_id = coalesce(?3, continues_id) WHERE id = ?1",
            into_id, id_or_null(environment(attempt)), id_or_null(continued == ids_.end() ? 0 : continued->second));
}

AttemptMerge::Id AttemptMerge::environment(const Incoming& attempt) {
  auto row = from_.prepare("SELECT sha256, content FROM environments WHERE id = ?1");
  return row.bind(attempt.environment).step() ? environment_id(into_, row.text(0), row.text(1)) : 0;
}

void AttemptMerge::add_studies(Id from_id, Id into_id) {
  auto rows = from_.prepare(
      "SELECT name, created_ms FROM study_runs JOIN studies ON id = study_id WHERE run_id = ?1");
  rows.bind(from_id);
  while (rows.step()) {
    study_id(into_, rows.text(0), rows.integer(1));
    join_study(into_, rows.text(0), into_id);
  }
}

/// Of studies that this database has by now. Looks are taken one after the other under one plan: of equal plans
/// the one with more looks has those of the other.
void AttemptMerge::add_study_facts() {
  auto rows = from_.prepare(
      "SELECT studies.name, f.name, f.text FROM study_facts AS f JOIN studies ON id = study_id WHERE f.name <> 'holder' ORDER BY f.name = 'plan' DESC");
  std::set<std::string> others;  // studies that have another plan here
  while (rows.step()) {
    const auto study = rows.text(0), name = rows.text(1), text = rows.text(2);
    const auto id = into_.integer("SELECT id FROM studies WHERE name = ?1", 0, study);
    auto here = into_.prepare("SELECT text FROM study_facts WHERE study_id = ?1 AND name = ?2");
    if (id == 0 || others.contains(study)) continue;
    if (here.bind(id, name).step()) {
      if (here.text(0) != text && others.insert(study).second) {
        result_.conflicts.push_back("the study '" + study + "' of '" + from_file_ + "' was looked at (--until-significant) under "
                                    "another plan, or with other numbers, than here: its plan and looks are not taken in");
      }
      continue;
    }
    into_.run("INSERT INTO study_facts (study_id, name, text) VALUES (?1, ?2, ?3)", id, name, text);
  }
}

void AttemptMerge::add_words(Id from_id, Id into_id, bool newer) {
  auto facts = from_.prepare("SELECT name, text FROM facts WHERE run_id = ?1");
  auto add = into_.prepare(std::string("INSERT INTO facts (run_id, name, text) VALUES (?1, ?2, ?3) ON CONFLICT DO ") +
                           (newer ? "UPDATE SET text = excluded.text WHERE text <> excluded.text" : "NOTHING"));
  facts.bind(from_id);
  while (facts.step()) add.bind(into_id, facts.text(0), facts.text(1)).run();
  for (const auto& tag : from_.texts("SELECT tag FROM run_tags WHERE run_id = ?1", from_id)) {
    into_.run("INSERT INTO run_tags (run_id, tag) VALUES (?1, ?2) ON CONFLICT DO NOTHING", into_id, tag);
  }
}

void AttemptMerge::add_files(Id from_id, Id into_id) {
  auto rows = from_.prepare("SELECT kind, path, created_ms FROM artifacts WHERE run_id = ?1");
  rows.bind(from_id);
  while (rows.step()) {
    into_.run("INSERT INTO artifacts (run_id, kind, path, created_ms) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
              into_id, rows.text(0), located(rows.text(1)), rows.integer(2));
  }
}

/// A whole path: where the file is, also when its folder was moved together with the database.
std::string AttemptMerge::located(const std::string& path) {
  const auto folder = fs::path(from_file_).parent_path();
  const auto recorded = (folder / path).lexically_normal();  // `path` itself where that is whole
  if (is_there(recorded)) return recorded.string();
  constexpr int kDeepest = 3;  // RUN/checkpoints/step-100
  fs::path tail;
  fs::path rest = recorded;
  std::vector<fs::path> beside;
  for (int depth = 0; depth < kDeepest && rest.has_filename(); ++depth) {
    tail = tail.empty() ? rest.filename() : rest.filename() / tail;
    rest = rest.parent_path();
    beside.push_back(folder / tail);
  }
  // Longest first; a file's name alone tells too little.
  while (beside.size() > 1) {
    if (is_there(beside.back())) return beside.back().string();
    beside.pop_back();
  }
  result_.unreachable.push_back(recorded.string());
  return recorded.string();
}

}  // namespace attnlab::store
