#include "framework/report/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "framework/config/resolve.h"
#include "framework/core/error.h"
#include "framework/core/process.h"
#include "framework/core/text.h"
#include "framework/report/table.h"

namespace attnlab::report {
namespace {

using Texts = std::map<std::string, std::string>;

/// The attempt at every cell of the study ?1 that is done, else the newest: what was merged may be newer than
/// what is done.
const std::string kCells =
    "WITH cells AS (SELECT coalesce(max(id) FILTER (WHERE status = 'done'), max(id)) AS id FROM run_attempts WHERE fingerprint IN ("
    "SELECT fingerprint FROM study_runs JOIN run_attempts ON run_attempts.id = run_id "
    "WHERE study_runs.study_id = (SELECT id FROM studies WHERE name = ?1) AND kind = 'train') "
    "GROUP BY fingerprint) ";
const std::string kRows = kCells + "SELECT * FROM runs WHERE id IN cells ORDER BY id";
const std::string kTexts =
    kCells +
    "SELECT id, 0, key, value FROM cells JOIN configs ON run_id = id UNION ALL "
    "SELECT a.id, 1, parts.key, parts.value FROM cells JOIN run_attempts AS a USING (id), "
    "json_each(a.fingerprint_parts) AS parts WHERE parts.key <> 'config' UNION ALL "
    "SELECT id, 2, name, text FROM cells JOIN facts ON run_id = id";

void add_texts(const store::Reader& reader, const std::string& study, Runs& runs) {
  std::unordered_map<std::int64_t, RunRow*> by_id;
  for (auto& run : runs) by_id[store::whole_of(run.value("id"))] = &run;
  const auto cosmetic = config::cosmetic_keys();
  reader.each(
      kTexts, {study}, [](const auto&) {},
      [&](const store::Row& row) {
        const auto run = by_id.find(store::whole_of(row[0]));
        const auto& key = store::text_of(row[2]);
        const bool shown = number(row[1]) != 0 || std::ranges::find(cosmetic, key) == cosmetic.end();
        if (run == by_id.end() || !shown) return;  // a grid may add attempts meanwhile
        auto& found = *run->second;
        const auto which = number(row[1]);
        (which == 0 ? found.config : which == 1 ? found.origin : found.facts)[key] = exact(row[3]);
      });
}

void append(std::string& key, const Texts& texts, const std::string& without = {}) {
  for (const auto& [name, text] : texts) {
    if (name != without) ((key += name) += '\0') += text + '\n';
  }
}

/// What a group is: the config up to the seed, and the origin.
std::string group_key(const RunRow& run) {
  std::string key;
  append(key, run.config, "seed");
  append(key, run.origin);
  return key;
}

/// A group whose every cell was run anew with other code or on another device stands no more: the newer runs do. One of
/// which a seed was not, or without success, stays whole: its mean and its pairs are those that it had.
Runs without_replaced(Runs runs) {
  std::unordered_map<std::string, std::size_t> newest, newest_of_group;  // by cell
  std::vector<std::string> cells, groups;
  const auto take = [&](auto& known, const std::string& cell, std::size_t i) {
    const auto [at, is_new] = known.emplace(cell, i);
    const bool keeps = runs[at->second].text("status") == "done" && runs[i].text("status") != "done";
    if (!is_new && !keeps) at->second = i;
  };
  for (std::size_t i = 0; i < runs.size(); ++i) {
    auto& cell = cells.emplace_back();
    append(cell, runs[i].config);
    if (const auto data = runs[i].origin.find("data"); data != runs[i].origin.end()) cell += data->second;
    groups.push_back(group_key(runs[i]));
    take(newest, cell, i);
    take(newest_of_group, groups[i] + cell, i);
  }
  std::set<std::string> standing;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (newest[cells[i]] == i) standing.insert(groups[i]);
  }
  Runs kept;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (standing.contains(groups[i]) && newest_of_group[groups[i] + cells[i]] == i) kept.push_back(std::move(runs[i]));
  }
  return kept;
}

/// Adds to each label what only some of these groups have: " buckets=16".
void tell_apart(const std::vector<Group*>& groups, Texts RunRow::*texts) {
  std::map<std::string, std::map<std::string, std::size_t>> seen;  // key, value, groups
  for (const auto* group : groups) {
    for (const auto& [key, value] : group->runs[0].*texts) ++seen[key][value];
  }
  for (auto* group : groups) {
    for (const auto& [key, value] : group->runs[0].*texts) {
      if (key == "seed" || seen[key][value] == groups.size()) continue;
      const bool own = key.starts_with("attention.");
      group->label += " " + (own ? key.substr(10) : key) + "=" + short_digest(value);
    }
  }
}

[[noreturn]] void refuse_timings(const std::string& study) {
  const auto literal = "'" + join(split(study, '\''), "''") + "'";
  throw Error("the study '" + study + "' holds no training runs; its timings: attnlab query " +
              shell_quoted("select * from timings where study = " + literal));
}

std::map<std::string, std::vector<Group*>> by(std::string Group::*text,
                                              std::vector<Group>& groups) {
  std::map<std::string, std::vector<Group*>> found;
  for (auto& group : groups) found[group.*text].push_back(&group);
  return found;
}

}  // namespace

const store::Value& RunRow::value(const std::string& column) const {
  static const store::Value none;
  const auto found = values.find(column);
  return found == values.end() ? none : found->second;
}

std::string RunRow::text(const std::string& column) const { return exact(value(column)); }

double RunRow::number(const std::string& column) const { return report::number(value(column)); }

bool RunRow::is_true(const std::string& column) const { return number(column) == 1; }

Runs runs_of_study(const store::Reader& reader, const std::string& study) {
  Runs runs;
  const auto answer = reader.query(kRows, {study});
  for (const auto& row : answer.rows) {
    auto& run = runs.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) run.values[answer.columns[i]] = row[i];
  }
  if (!runs.empty()) {
    add_texts(reader, study, runs);
    return without_replaced(std::move(runs));
  }
  require_study(reader, study);
  const auto lost = reader.query(kCells + "SELECT max(id) FROM cells", {study}).rows;
  if (!store::is_null(lost.at(0)[0])) throw store::damage("run " + exact(lost[0][0]) + " belongs to a study that is not there");
  refuse_timings(study);
}

void require_study(const store::Reader& reader, const std::string& study) {
  std::vector<std::string> names;
  for (const auto& row : reader.query("SELECT name FROM studies ORDER BY name").rows) {
    names.push_back(store::text_of(row[0]));
  }
  if (std::ranges::find(names, study) != names.end()) return;
  throw Error("there is no study '" + study + "' in the database." + did_you_mean(study, names));
}

std::vector<Group> groups_of(Runs runs) {
  std::vector<Group> groups;
  std::unordered_map<std::string, std::size_t> known;
  for (auto& run : runs) {
    const auto [at, is_new] = known.emplace(group_key(run), groups.size());
    if (is_new) groups.push_back({run.text("attention"), run.text("attention"), {}});
    groups[at->second].runs.push_back(std::move(run));
  }
  for (const auto& [name, same] : by(&Group::attention, groups)) tell_apart(same, &RunRow::config);
  for (const auto& [name, same] : by(&Group::label, groups)) tell_apart(same, &RunRow::origin);
  return groups;
}

std::string short_digest(const std::string& text) {
  const bool digest =
      text.size() >= 32 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
  return digest ? text.substr(0, 8) : text;
}

std::string listed(const std::vector<std::string>& texts) {
  if (texts.size() <= 6) return join(texts, ", ");
  const auto more = grouped(static_cast<std::int64_t>(texts.size() - 5));
  return join(std::span(texts).first(5), ", ") + " and " + more + " more";
}

std::string listed(const Runs& runs, const std::string& column) {
  std::vector<std::string> texts;
  std::set<std::string> seen{""};
  for (const auto& run : runs) {
    if (const auto text = run.text(column); seen.insert(text).second) texts.push_back(text);
  }
  return listed(texts);
}

bool any_true(const Runs& runs, const std::string& column) {
  return std::ranges::any_of(runs, [&](const RunRow& run) { return run.is_true(column); });
}

std::string data_text(const Runs& runs) {
  auto text = listed(runs, "data");
  if (text.empty()) text = listed(runs, "dataset");
  if (text.empty()) text = "?";
  std::vector<std::string> marks;
  const auto mark = [&](const char* column, const std::string& word) {
    if (any_true(runs, column) && text.find(word) == std::string::npos) marks.push_back(word);
  };
  mark("data_synthetic", "synthetic");
  mark("data_partial", "prefix");
  return marks.empty() ? text : text + " (" + join(marks, ", ") + ")";
}

std::string caption_for(const Runs& runs) {
  const auto values = [&](const char* column) {
    const auto text = listed(runs, column);
    return text.empty() ? "?" : text;
  };
  const auto counted = [&](const char* column, const std::string& word) {
    const auto count = values(column);
    return count + " " + word + (count == "1" ? "" : "s");
  };
  std::set<std::string> digests;
  for (const auto& run : runs) {
    const auto data = run.origin.find("data");
    if (data != run.origin.end()) digests.insert(short_digest(data->second));
  }
  const auto digest = listed({digests.begin(), digests.end()});
  const auto seeds = values("seed");
  return fmt::format(
      "data: {}, T = {}{}{}\nmodel: {}, width {}, {}, {} causality; {} steps of {} sequences; "
      "seed{} {}; {} on {}",
      data_text(runs), values("length"), digest.empty() ? "" : ", digest ", digest,
      counted("layers", "layer"), values("width"), counted("heads", "head"), values("causality"),
      values("steps"), values("batch_size"), seeds.find(',') == std::string::npos ? "" : "s", seeds,
      values("precision"), values("device"));
}

std::string score_title(const Runs& runs) {
  std::vector<std::string> titles;
  for (const auto& run : runs) {
    auto title = run.text("metric");
    if (title.starts_with("bits_per_")) title = "bits/" + title.substr(9);
    if (!title.empty() && std::ranges::find(titles, title) == titles.end()) titles.push_back(title);
  }
  return titles.empty() ? "score" : join(titles, " or ");
}

std::string newest_study(const store::Reader& reader) {
  const auto answer = reader.query(
      "SELECT studies.name FROM study_runs JOIN studies ON studies.id = study_runs.study_id "
      "JOIN run_attempts ON run_attempts.id = run_id WHERE kind = 'train' "
      "ORDER BY run_id DESC, study_runs.study_id DESC LIMIT 1");
  if (answer.rows.empty()) {
    const auto timed = reader.query("SELECT name FROM studies JOIN study_runs ON study_id = studies.id ORDER BY run_id DESC LIMIT 1").rows;
    if (!timed.empty()) refuse_timings(store::text_of(timed[0][0]));
    throw Error("the database holds no runs yet. Start one: attnlab run --help");
  }
  return store::text_of(answer.rows[0][0]);
}

}  // namespace attnlab::report
