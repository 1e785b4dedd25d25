#include "framework/report/study.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/report/table.h"

namespace attnlab::report {
namespace {

using Config = std::map<std::string, std::string>;

constexpr char kNewestCells[] = R"(
SELECT * FROM runs WHERE id IN (
  SELECT max(id) FROM run_attempts WHERE fingerprint IN (
    SELECT fingerprint FROM study_runs JOIN run_attempts ON run_attempts.id = run_id
    WHERE study_runs.study_id = (SELECT id FROM studies WHERE name = ?1) AND kind = 'train')
  GROUP BY fingerprint)
ORDER BY id)";

/// Keys that change no result, and the seed, over which a group averages.
bool tells_groups_apart(const std::string& key) {
  static const std::set<std::string> ignored{"seed", "study", "dataset.path", "train.log_every"};
  return !ignored.contains(key);
}

Config config_of(const store::Reader& reader, const store::Value& run_id) {
  Config config;
  const auto answer = reader.query("SELECT key, value FROM configs WHERE run_id = ?1", {run_id});
  for (const auto& row : answer.rows) {
    config[std::get<std::string>(row[0])] = display({row[1]}, Format::automatic);
  }
  return config;
}

Config group_key(const RunRow& run) {
  Config key;
  for (const auto& [name, value] : run.config) {
    if (tells_groups_apart(name)) key[name] = value;
  }
  return key;
}

/// A cell whose fingerprint changed (new code, new data) counts once, by its newest run.
std::vector<RunRow> newest_per_config(const std::vector<RunRow>& runs) {
  std::map<Config, std::size_t> newest;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    auto key = group_key(runs[i]);
    key["seed"] = runs[i].text("seed");
    newest[key] = i;
  }
  std::set<std::size_t> kept;
  for (const auto& [key, index] : newest) kept.insert(index);
  std::vector<RunRow> out;
  for (const auto index : kept) out.push_back(runs[index]);
  return out;
}

/// "attention.buckets" -> "buckets", where the group's own section is meant.
std::string short_key(const std::string& key) {
  return key.starts_with("attention.") ? key.substr(10) : key;
}

/// Names what sets a group apart from the others of the same attention.
void label(std::vector<Group>& groups, const std::vector<Config>& keys) {
  for (std::size_t i = 0; i < groups.size(); ++i) {
    groups[i].label = groups[i].attention;
    for (const auto& [name, value] : keys[i]) {
      bool varies = false;
      for (std::size_t j = 0; j < groups.size(); ++j) {
        const auto other = keys[j].find(name);
        varies |= groups[j].attention == groups[i].attention &&
                  (other == keys[j].end() || other->second != value);
      }
      if (varies) groups[i].label += " " + short_key(name) + "=" + value;
    }
  }
}

}  // namespace

const store::Value& RunRow::value(const std::string& column) const {
  static const store::Value none;
  const auto found = values.find(column);
  return found == values.end() ? none : found->second;
}

std::string RunRow::text(const std::string& column) const {
  return display({value(column)}, Format::automatic);
}

double RunRow::number(const std::string& column) const {
  const auto& found = value(column);
  if (const auto* integer = std::get_if<std::int64_t>(&found)) return static_cast<double>(*integer);
  if (const auto* real = std::get_if<double>(&found)) return *real;
  return std::numeric_limits<double>::quiet_NaN();
}

bool RunRow::is_true(const std::string& column) const { return number(column) == 1; }

std::vector<RunRow> runs_of_study(const store::Reader& reader, const std::string& study) {
  std::vector<RunRow> runs;
  const auto answer = reader.query(kNewestCells, {study});
  for (const auto& row : answer.rows) {
    auto& run = runs.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) run.values[answer.columns[i]] = row[i];
    run.config = config_of(reader, run.value("id"));
  }
  if (!runs.empty()) return newest_per_config(runs);
  std::vector<std::string> studies;
  for (const auto& row : reader.query("SELECT name FROM studies ORDER BY name").rows) {
    studies.push_back(std::get<std::string>(row[0]));
  }
  if (std::ranges::find(studies, study) != studies.end()) {
    throw Error("the study '" + study + "' holds no training runs; its timings: attnlab query " +
                "\"select * from timings where study = '" + study + "'\"");
  }
  throw Error("there is no study '" + study + "' in the database." + did_you_mean(study, studies));
}

std::vector<Group> groups_of(const std::vector<RunRow>& runs) {
  std::vector<Group> groups;
  std::vector<Config> keys;
  for (const auto& run : runs) {
    const auto key = group_key(run);
    std::size_t at = 0;
    while (at < keys.size() && keys[at] != key) ++at;
    if (at == keys.size()) {
      keys.push_back(key);
      groups.push_back({"", run.text("attention"), {}});
    }
    groups[at].runs.push_back(run);
  }
  label(groups, keys);
  return groups;
}

std::string newest_study(const store::Reader& reader) {
  const auto answer = reader.query(
      "SELECT studies.name FROM study_runs JOIN studies ON studies.id = study_runs.study_id "
      "JOIN run_attempts ON run_attempts.id = run_id WHERE kind = 'train' "
      "ORDER BY run_id DESC, study_runs.study_id DESC LIMIT 1");
  if (answer.rows.empty()) {
    throw Error("the database holds no runs yet. Start one: attnlab run --help");
  }
  return std::get<std::string>(answer.rows[0][0]);
}

}  // namespace attnlab::report
