#include "framework/store/merge_numbers.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <thread>

#include "framework/store/open.h"

namespace attnlab::store {
namespace {

using namespace std::chrono_literals;

constexpr auto kLongestBatch = 50ms;
// SQLite's waiting is unfair: who begins again at once is nearly always first.
constexpr auto kTurnOfOthers = 5ms;
constexpr std::uintmax_t kLargeWal = 64 << 20;
constexpr std::int64_t kAllSteps = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kNoStep = std::numeric_limits<std::int64_t>::max();

/// A row of run_last: last, last_step, minimum, maximum, count.
struct Summary {
  Row values;
  [[nodiscard]] std::int64_t last_step() const { return whole_of(values.at(1)); }
  [[nodiscard]] std::int64_t count() const { return whole_of(values.at(4)); }
};

Summary read_summary(const Statement& row, int first) {
  Summary summary;
  for (int i = 0; i < 5; ++i) summary.values.push_back(row.value(first + i));
  return summary;
}

std::optional<Summary> summary_of(const Connection& into, std::int64_t run, std::int64_t key) {
  auto row = into.prepare(
      "SELECT last, last_step, minimum, maximum, count FROM run_last WHERE run_id = ?1 AND key_id = ?2");
  if (!row.bind(run, key).step()) return std::nullopt;
  return read_summary(row, 0);
}

constexpr char kSumUpKey[] = R"(
INSERT OR REPLACE INTO run_last (run_id, key_id, last, last_step, minimum, maximum, count)
SELECT ?1, ?2,
       (SELECT value FROM metrics WHERE run_id = ?1 AND key_id = ?2 ORDER BY step DESC LIMIT 1),
       max(step), min(value), max(value), count(*)
FROM metrics WHERE run_id = ?1 AND key_id = ?2 HAVING count(*) > 0)";

/// The curve of one metric.
class CurveMerge {
 public:
  CurveMerge(const Connection& from, const Connection& into, Batches& batches, const Pair& pair)
      : into_(into),
        batches_(batches),
        pair_(pair),
        rows_(from.prepare("SELECT step, value FROM metrics WHERE run_id = ?1 AND key_id = ?2 AND step >= ?3")),
        behind_(from.prepare("SELECT count(*) FROM metrics WHERE run_id = ?1 AND key_id = ?2 AND step > ?3")),
        add_(into.prepare("INSERT INTO metrics (run_id, key_id, step, value) VALUES (?1, ?2, ?3, ?4) "
                          "ON CONFLICT DO NOTHING")),
        replace_(into.prepare("UPDATE metrics SET value = ?4 WHERE run_id = ?1 AND key_id = ?2 AND step = ?3 "
                              "AND value IS NOT ?4")),
        differs_(into.prepare("SELECT 1 FROM metrics WHERE run_id = ?1 AND key_id = ?2 AND step = ?3 "
                              "AND value IS NOT ?4")) {}

  void merge(std::int64_t from_key, std::int64_t key, const Summary& theirs) {
    auto mine = summary_of(into_, pair_.into, key);
    if (mine && pair_.newer && mine->last_step() > theirs.last_step()) {
      cut(key, theirs.last_step());
      mine = summary_of(into_, pair_.into, key);
    }
    if (mine && !pair_.all && mine->values == theirs.values) return;
    std::int64_t added = 0, replaced = 0;
    rows_.bind(pair_.from, from_key, mine && !pair_.all ? first_missing(from_key, *mine, theirs) : kAllSteps);
    while (rows_.step()) take_row(key, added, replaced);
    numbers.written += added + replaced;
    // Rows without a summary are what a merge left that was killed.
    const bool complete = mine && mine->values == theirs.values;
    if (added + replaced == 0 && (complete || !pair_.newer)) return;
    // Where this side has no more rows than that one, that one's summary is of the same rows.
    const bool same = pair_.newer && (mine ? mine->count() : 0) + added == theirs.count();
    if (!same) return into_.run(kSumUpKey, pair_.into, key);
    into_.run("INSERT OR REPLACE INTO run_last (run_id, key_id, last, last_step, minimum, maximum, count) "
              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
              pair_.into, key, theirs.values[0], theirs.values[1], theirs.values[2], theirs.values[3],
              theirs.values[4]);
  }

  Numbers numbers;
  std::int64_t first_step = kNoStep;  // of those that were written

  /// What is behind `step`: a run that went on from a checkpoint has dropped it there.
  void cut(std::int64_t key, std::int64_t step) {
    into_.run("DELETE FROM metrics WHERE run_id = ?1 AND key_id = ?2 AND step > ?3", pair_.into, key, step);
    into_.run("DELETE FROM run_last WHERE run_id = ?1 AND key_id = ?2", pair_.into, key);
    into_.run(kSumUpKey, pair_.into, key);
    batches_.wrote();
  }

 private:
  /// Curves grow at their end. Where that one has more in front than this, all of it is looked at.
  std::int64_t first_missing(std::int64_t from_key, const Summary& mine, const Summary& theirs) {
    behind_.bind(pair_.from, from_key, mine.last_step()).step();
    const auto behind = behind_.integer(0);
    behind_.reset();
    return theirs.count() - behind == mine.count() ? mine.last_step() : kAllSteps;
  }

  void take_row(std::int64_t key, std::int64_t& added, std::int64_t& replaced) {
    const auto step = rows_.integer(0);
    const auto value = rows_.value(1);
    add_.bind(pair_.into, key, step, value).run();
    bool wrote = into_.changes() == 1;
    if (wrote) {
      ++added;
    } else if (pair_.newer) {
      replace_.bind(pair_.into, key, step, value).run();
      wrote = into_.changes() == 1;
      replaced += wrote;
    } else {
      numbers.differing += differs_.bind(pair_.into, key, step, value).step();
      differs_.reset();
    }
    if (!wrote) return;
    first_step = std::min(first_step, step);
    batches_.wrote();
  }

  const Connection& into_;
  Batches& batches_;
  const Pair& pair_;
  Statement rows_, behind_, add_, replace_, differs_;
};

void merge_events(const Connection& from, const Connection& into, Batches& batches, const Pair& pair,
                  std::int64_t first_step) {
  auto rows = from.prepare(
      "SELECT step, tokens_seen, train_seconds, wall_ms FROM events WHERE run_id = ?1 AND step >= ?2");
  auto add = into.prepare(std::string("INSERT INTO events (run_id, step, tokens_seen, train_seconds, wall_ms) "
                                      "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO ") +
                          (pair.newer ? "UPDATE SET tokens_seen = excluded.tokens_seen, train_seconds = "
                                        "excluded.train_seconds, wall_ms = excluded.wall_ms"
                                      : "NOTHING"));
  rows.bind(pair.from, first_step);
  while (rows.step()) {
    add.bind(pair.into, rows.integer(0), rows.integer(1), rows.value(2), rows.integer(3)).run();
    batches.wrote();
  }
}

/// Nothing of the attempt is here that is not there any more.
void cut_rest(const Connection& from, const Connection& into, CurveMerge& curves, const std::set<std::int64_t>& keys,
              const Pair& pair) {
  std::vector<std::int64_t> gone;
  auto rows = into.prepare("SELECT key_id FROM run_last WHERE run_id = ?1");
  rows.bind(pair.into);
  while (rows.step()) {
    if (!keys.contains(rows.integer(0))) gone.push_back(rows.integer(0));
  }
  for (const auto key : gone) curves.cut(key, kAllSteps);
  const auto last = from.integer("SELECT max(step) FROM events WHERE run_id = ?1", kAllSteps, pair.from);
  into.run("DELETE FROM events WHERE run_id = ?1 AND step > ?2", pair.into, last);
}

}  // namespace

Batches::Batches(const Connection& into) : into_(into) { begin(); }

void Batches::begin() {
  open_.emplace(into_);
  begun_ = std::chrono::steady_clock::now();
}

void Batches::wrote() {
  constexpr int kRowsBetweenLooks = 100;
  if (++rows_ % kRowsBetweenLooks != 0 || std::chrono::steady_clock::now() - begun_ < kLongestBatch) return;
  commit();
  std::error_code ignored;
  const auto wal = std::filesystem::file_size(into_.path() + "-wal", ignored);
  if (!ignored && wal > kLargeWal) fold_wal(into_);
  std::this_thread::sleep_for(kTurnOfOthers);
  begin();
}

void Batches::commit() {
  open_->commit();
  open_.reset();
}

KeyMap::KeyMap(const Connection& from, const Connection& into, std::vector<std::string>& conflicts)
    : from_(from), into_(into), conflicts_(conflicts) {}

std::optional<std::int64_t> KeyMap::operator()(std::int64_t from_key) {
  const auto [known, fresh] = known_.try_emplace(from_key);
  if (fresh) known->second = look_up(from_key);
  return known->second;
}

std::optional<std::int64_t> KeyMap::look_up(std::int64_t from_key) {
  auto theirs = from_.prepare("SELECT name, unit, goal FROM metric_keys WHERE id = ?1");
  if (!theirs.bind(from_key).step()) return std::nullopt;
  const auto name = theirs.text(0), unit = theirs.text(1), goal = theirs.text(2);
  into_.run("INSERT INTO metric_keys (name, unit, goal) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING", name, unit,
            goal);
  auto mine = into_.prepare("SELECT id, unit, goal FROM metric_keys WHERE name = ?1");
  mine.bind(name).step();
  if (mine.text(1) == unit && mine.text(2) == goal) return mine.integer(0);
  conflicts_.push_back("the metric '" + name + "' has the unit '" + unit + "' and the goal '" + goal +
                       "' there, '" + mine.text(1) + "' and '" + mine.text(2) +
                       "' here: its numbers were left out");
  return std::nullopt;
}

Numbers merge_numbers(const Connection& from, const Connection& into, Batches& batches, KeyMap& keys,
                      const Pair& pair) {
  CurveMerge curves(from, into, batches, pair);
  auto summaries = from.prepare(
      "SELECT key_id, last, last_step, minimum, maximum, count FROM run_last WHERE run_id = ?1");
  summaries.bind(pair.from);
  std::set<std::int64_t> merged;
  while (summaries.step()) {
    const auto from_key = summaries.integer(0);
    const auto key = keys(from_key);
    if (!key) continue;
    merged.insert(*key);
    curves.merge(from_key, *key, read_summary(summaries, 1));
  }
  if (pair.newer) cut_rest(from, into, curves, merged, pair);
  if (pair.all) curves.first_step = kAllSteps;
  if (curves.first_step != kNoStep) merge_events(from, into, batches, pair, curves.first_step);
  return curves.numbers;
}

}  // namespace attnlab::store
