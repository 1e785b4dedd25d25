#include "framework/store/merge_attempt.h"

#include <algorithm>
#include <array>

#include "framework/core/text.h"
#include "framework/store/attempts.h"

namespace attnlab::store {
namespace {

namespace fs = std::filesystem;

/// What is another thing in each database, or is decided here.
constexpr std::array<std::string_view, 10> kOwnColumns{
    "id", "study_id", "environment_id", "continues_id", "attempt", "status", "reason", "heartbeat_ms", "uid",
    "merged_from"};

constexpr std::string_view kEqual = " with equal losses and batches";

bool is_live(const std::string& status) { return status == "running" || status == "done"; }

std::vector<std::string> carried_columns(const Connection& into) {
  auto names = into.texts("SELECT name FROM pragma_table_info('run_attempts')");
  std::erase_if(names, [](const auto& name) { return std::ranges::find(kOwnColumns, name) != kOwnColumns.end(); });
  return names;
}

}  // namespace

AttemptMerge::AttemptMerge(const Connection& from, std::string from_file, const Connection& into,
                           std::string into_file, Merged& result)
    : from_(from),
      into_(into),
      from_file_(std::move(from_file)),
      into_file_(std::move(into_file)),
      result_(result),
      batches_(into),
      keys_(from, into, result.conflicts),
      carried_(carried_columns(into)) {
  for (const auto& attempt : running_attempts(from)) {
    if (attempt.result == ClaimResult::claimed) dead_.insert(attempt.run_id);
  }
}

void AttemptMerge::merge_all(const std::string& only_cell) {
  // In this order an attempt comes after the one that it continues, and attempts of a cell keep theirs.
  auto rows = from_.prepare(
      "SELECT id, attempt, coalesce(heartbeat_ms, 0), coalesce(environment_id, 0), coalesce(continues_id, 0), "
      "coalesce(uid, substr(fingerprint, 1, 32) || '-' || created_ms || '-' || attempt), fingerprint, status, "
      "iif(id IN (SELECT value FROM json_each(?2)), " + std::string(kAbandonedReason) + ", reason), "
      "coalesce(merged_from, ''), " + join(carried_, ", ") +
      " FROM run_attempts WHERE ?1 IN ('', fingerprint) ORDER BY id");
  std::string dead = "[";
  for (const auto id : dead_) dead += (dead.size() == 1 ? "" : ",") + std::to_string(id);
  rows.bind(only_cell, dead + "]");
  while (rows.step()) merge(read(rows));
  if (only_cell.empty()) add_study_facts();
  batches_.commit();
}

AttemptMerge::Incoming AttemptMerge::read(const Statement& row) const {
  Incoming attempt{row.integer(0), row.integer(1), row.integer(2), row.integer(3), row.integer(4),
                   row.text(5),    row.text(6),    row.text(7),    row.text(8),    row.text(9), {}};
  if (dead_.contains(attempt.id)) attempt.status = "interrupted";
  if (attempt.home.empty()) attempt.home = from_file_;
  for (int i = 0; i < static_cast<int>(carried_.size()); ++i) attempt.carried.push_back(row.value(10 + i));
  return attempt;
}

AttemptMerge::Here AttemptMerge::find_here(const Incoming& attempt) const {
  auto row = into_.prepare(
      "SELECT id, coalesce(heartbeat_ms, 0), fingerprint, status, heartbeat_ms IS NULL AND merged_from IS NOT NULL "
      "FROM run_attempts WHERE uid = ?1 "
      // A cell that is refused has one row for each reason, whoever wrote it.
      "OR (?2 = 'skipped' AND fingerprint = ?3 AND status = ?2 AND reason = ?4) ORDER BY uid = ?1 DESC");
  if (!row.bind(attempt.uid, attempt.status, attempt.fingerprint, attempt.reason).step()) return {};
  return {row.integer(0), row.integer(1), row.text(2), row.text(3), row.integer(4) != 0};
}

void AttemptMerge::merge(const Incoming& attempt) {
  const auto here = find_here(attempt);
  const bool newer = here.is_behind(attempt);
  if (const auto [why, twin] = obstacle(attempt, here); !why.empty()) {
    result_.conflicts.push_back(label(attempt) + " " + why);
    if (twin != 0) add_studies(attempt.id, twin);  // as a grid does that finds its cell done
    return;
  }
  const auto before = into_.all_changes();
  const bool is_new = here.id == 0;
  const auto into_id = is_new ? add(attempt) : here.id;
  ids_[attempt.id] = into_id;
  const bool all = newer && (is_new || here.unfinished || standing(attempt.status) == Standing::ended);
  const auto numbers = merge_numbers(from_, into_, batches_, keys_, {attempt.id, into_id, newer, all});
  if (numbers.differing > 0 && !newer && here.heartbeat == attempt.heartbeat) {
    result_.conflicts.push_back(label(attempt) + " differs in " + std::to_string(numbers.differing) +
                                " of its numbers from run " + std::to_string(into_id) +
                                " here, the same attempt: one of the databases was changed by hand. Those here stay");
  }
  add_words(attempt.id, into_id, newer);
  add_files(attempt.id, into_id);
  add_studies(attempt.id, into_id);
  if (newer) settle(attempt, into_id);
  result_.numbers += numbers.written;
  auto& counter = is_new ? result_.added : into_.all_changes() != before ? result_.updated : result_.unchanged;
  ++counter;
  batches_.wrote();
}

AttemptMerge::Obstacle AttemptMerge::obstacle(const Incoming& attempt, const Here& here) const {
  if (here.id != 0 && here.fingerprint != attempt.fingerprint) {
    return {"has the name of run " + std::to_string(here.id) + " here, which is of another cell: not taken in"};
  }
  if (!is_live(attempt.status) || !here.is_behind(attempt)) return {};
  auto other = into_.prepare(
      "SELECT id, status FROM run_attempts WHERE fingerprint = ?1 AND status IN ('running', 'done') AND id <> ?2");
  if (!other.bind(attempt.fingerprint, here.id).step()) return {};
  const auto id = other.integer(0);
  const auto compared = numbers_compared(attempt.id, id);
  const bool equal = compared == kEqual;
  return {"is " + attempt.status + ", and so the same cell is " + other.text(1) + " here, as run " + std::to_string(id) +
              std::string(compared) + ": not taken in" + (equal ? "; that run joins its studies" : ""),
          equal ? id : 0};
}

std::string_view AttemptMerge::numbers_compared(Id from_id, Id into_id) const {
  constexpr char kDigests[] =
      "SELECT group_concat(text, ' ') FROM (SELECT text FROM facts WHERE run_id = ?1 AND name IN "
      "('loss_chain', 'training_batches') ORDER BY name)";
  auto theirs = from_.prepare(kDigests), mine = into_.prepare(kDigests);
  theirs.bind(from_id).step();
  mine.bind(into_id).step();
  if (theirs.text(0).empty() || mine.text(0).empty()) return "";
  return theirs.text(0) == mine.text(0) ? kEqual : " with OTHER losses or batches";
}

std::string AttemptMerge::label(const Incoming& attempt) const {
  auto row = from_.prepare("SELECT coalesce(config_json ->> '$.attention.name', '?'), "
                           "coalesce(config_json ->> '$.seed', '?') FROM run_attempts WHERE id = ?1");
  row.bind(attempt.id).step();
  return "run " + std::to_string(attempt.id) + " of '" + from_file_ + "' (" + row.text(0) + ", seed " + row.text(1) + ")";
}

}  // namespace attnlab::store
