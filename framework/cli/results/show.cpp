// show.cpp: `attnlab show RUN`: everything that is stored about one run.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "framework/cli/commands.h"
#include "framework/cli/results/choose.h"
#include "framework/cli/results/output.h"
#include "framework/core/error.h"
#include "framework/core/output.h"

namespace attnlab::cli {
namespace {

using Json = nlohmann::ordered_json;
using store::Reader;
using store::Row;

struct ShownSection {
  const char* title;
  const char* sql;  // ?1 is the run's id
};

constexpr ShownSection kSections[]{
    {"metrics",
     "SELECT name AS key, last, last_step, minimum, maximum, count, unit FROM run_last JOIN "
     "metric_keys ON metric_keys.id = key_id WHERE run_id = ?1 "
     // A metric, then its layers, 10 behind 9.
     "ORDER BY iif(instr(name, '/layer_') > 0, substr(name, 1, instr(name, '/layer_') - 1), name), "
     "iif(instr(name, '/layer_') > 0, CAST(substr(name, instr(name, '/layer_') + 7) AS INTEGER), -1)"},
    {"facts",
     "SELECT name, text FROM facts WHERE run_id = ?1 ORDER BY name"},
    {"config", "SELECT key, value FROM configs WHERE run_id = ?1 ORDER BY key"},
    {"environment",
     "SELECT key AS name, value AS text FROM json_each((SELECT content FROM environments WHERE id "
     "= "
     "(SELECT environment_id FROM run_attempts WHERE id = ?1)))"},
    {"artifacts", "SELECT kind, path FROM artifacts WHERE run_id = ?1 ORDER BY kind, path"},
    {"attempts",
     "SELECT id, attempt, status, started, seconds, host, reason FROM runs WHERE fingerprint = "
     "(SELECT fingerprint FROM run_attempts WHERE id = ?1) ORDER BY attempt"}};

/// The row of `runs` as lines "name   value", without what is NULL.
std::string overview(const report::Table& table) {
  std::string text;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const auto shown = display(table.rows.at(0)[i], table.columns[i].format);
    if (shown.empty()) continue;
    auto name = table.columns[i].name;
    name.resize(std::max<std::size_t>(name.size(), 22), ' ');
    text += name + shown + "\n";
  }
  return text;
}

/// The run's row of the view, which shows no run whose study is not there.
store::Answer row_of(const Reader& reader, std::int64_t run) {
  auto answer = reader.query("SELECT * FROM runs WHERE id = ?1", {run});
  if (answer.rows.empty()) throw store::damage("run " + std::to_string(run) + " belongs to a study that is not there");
  return answer;
}

std::string as_text(const Reader& reader, std::int64_t run) {
  auto text = overview(report::table_from(row_of(reader, run)));
  for (const auto& [title, sql] : kSections) {
    const auto answer = reader.query(sql, {run});
    if (answer.rows.empty()) continue;
    text += "\n" + std::string(title) + "\n" + to_text(report::table_from(answer), 160);
  }
  return text;
}

Json rows_as_json(const store::Answer& answer) {
  Json rows = Json::array();
  for (const auto& row : answer.rows) {
    rows.push_back(Json::parse(report::json_object(answer.columns, row)));
  }
  return rows;
}

/// Sections of two columns become objects, the others arrays of objects.
Json as_json(const Reader& reader, std::int64_t run) {
  Json all = rows_as_json(row_of(reader, run)).at(0);
  for (const auto& [title, sql] : kSections) {
    const auto answer = reader.query(sql, {run});
    const bool pairs = answer.columns.size() == 2 && answer.columns[0] != "kind";
    all[title] = pairs ? Json::object() : rows_as_json(answer);
    for (const auto& row : rows_as_json(answer)) {
      if (pairs)
        all[title][row.at(answer.columns[0]).get<std::string>()] = row.at(answer.columns[1]);
    }
  }
  // The table flattens the config; here it is whole, with its own types.
  const auto config = reader.query("SELECT config_json FROM run_attempts WHERE id = ?1", {run});
  all["config"] = Json::parse(store::text_of(config.rows.at(0)[0]), nullptr, /*allow_exceptions=*/false);
  if (all["config"].is_discarded()) throw store::damage("the config of run " + std::to_string(run) + " is no JSON");
  return all;
}

}  // namespace

int show(Arguments arguments) {
  Options options(
      "show", "RUN [--json]",
      "Everything that is stored about one run. RUN: its number, or the first digits of "
      "its fingerprint.");
  options.database()
      .flag("json", "print JSON, exact values");
  const auto parsed = options.parse(arguments);
  if (!parsed) return kExitOk;
  if (parsed->words().size() != 1) {
    throw Error("expected one run: attnlab show RUN. attnlab runs lists them.", kExitUsage);
  }
  const auto reader = open_reader(*parsed);
  const auto run = find_run(reader, parsed->words()[0]);
  print(parsed->has("json") ? as_json(reader, run).dump(2) + "\n" : as_text(reader, run));
  return kExitOk;
}

}  // namespace attnlab::cli
