// runs.cpp: `attnlab runs`: the view `runs`, filtered and sorted.
#include <algorithm>

#include "framework/cli/commands.h"
#include "framework/cli/results/output.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/status.h"
#include "framework/core/text.h"
#include "framework/report/study.h"

namespace attnlab::cli {
namespace {

constexpr char kShownColumns[] =
    "id,study,status,attention,attention_parameters,dataset,seed,metric,score,train_loss,"
    "tokens_per_second,process_peak_bytes,started,seconds,reason";

Options runs_options() {
  Options options("runs", "[options]", "Runs in the database, filtered and sorted.");
  add_reading_options(options);
  options.value("study", "NAME", "runs of this study")
      .value("status", "LIST", "done, failed, skipped, interrupted, running; several with commas")
      .value("where", "SQL", "condition on the view's columns: \"bits_per_dim < 1 AND seed = 0\"")
      .value("sort", "LIST", "columns with commas; '-' in front: largest first (default: id)")
      .value("limit", "N", "at most N rows")
      .value("columns", "LIST", "columns with commas, or all (JSON and CSV: all by default)");
  return options;
}

std::vector<std::string> known_columns(const std::string& list, const std::string& option,
                                       const std::vector<std::string>& known) {
  auto names = split(list, ',');
  for (const auto& name : names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    throw Error("--" + option + ": there is no column '" + name + "' in the view runs." +
                    did_you_mean(name, known) + " attnlab query --schema lists them.",
                kExitUsage);
  }
  return names;
}

std::string status_condition(const std::string& list) {
  const std::vector<std::string> known(kStatusNames.begin(), kStatusNames.end());
  std::vector<std::string> quoted;
  for (const auto& status : split(list, ',')) {
    if (!status_from(status)) {
      throw Error("--status: '" + status + "' is no status." + did_you_mean(status, known),
                  kExitUsage);
    }
    quoted.push_back("'" + status + "'");
  }
  return " AND status IN (" + join(quoted, ", ") + ")";
}

std::string order(const std::string& list, const std::vector<std::string>& known) {
  std::vector<std::string> terms;
  for (auto name : split(list, ',')) {
    const bool down = name.starts_with('-');
    if (down) name.erase(0, 1);
    const auto column = known_columns(name, "sort", known).at(0);
    // Runs without a value stand last in both directions.
    terms.push_back(column + " IS NULL, " + column + (down ? " DESC" : ""));
  }
  return join(terms, ", ");
}

std::string chosen_columns(const ParsedOptions& parsed, const std::vector<std::string>& known) {
  const bool for_people = form_of(parsed) == Form::text || form_of(parsed) == Form::markdown;
  const auto list = parsed.text("columns", for_people ? kShownColumns : "all");
  return list == "all" ? "*" : join(known_columns(list, "columns", known), ", ");
}

}  // namespace

int runs(Arguments arguments) {
  const auto parsed = runs_options().parse(arguments);
  if (!parsed) return kExitOk;
  if (!parsed->words().empty()) {
    throw Error("unexpected word '" + parsed->words()[0] + "'. attnlab show RUN tells about one " +
                    "run; attnlab runs --where \"SQL\" filters.",
                kExitUsage);
  }
  const auto reader = open_reader(*parsed);
  const auto known = reader.columns_of("runs");
  std::string sql = "SELECT " + chosen_columns(*parsed, known) + " FROM runs WHERE true";
  store::Row parameters;
  if (const auto study = parsed->text("study")) {
    report::require_study(reader, *study);
    sql +=
        " AND id IN (SELECT run_id FROM study_runs JOIN studies ON studies.id = study_id "
        "WHERE name = ?1)";
    parameters.emplace_back(*study);
  }
  if (const auto status = parsed->text("status")) sql += status_condition(*status);
  if (const auto where = parsed->text("where")) sql += " AND (" + *where + "\n)";
  sql += " ORDER BY " + order(parsed->text("sort", "id"), known);
  if (parsed->has("limit")) sql += " LIMIT " + std::to_string(parsed->integer("limit", 0, 0));
  print(printed(report::table_from(reader.query(sql, parameters)), form_of(*parsed)));
  return kExitOk;
}

}  // namespace attnlab::cli
