// runs.cpp: `attnlab runs`: the view `runs`, filtered and sorted.
#include <algorithm>

#include "framework/cli/commands.h"
#include "framework/cli/results/choose.h"
#include "framework/cli/results/output.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/text.h"

namespace attnlab::cli {
namespace {

constexpr char kShownColumns[] =
    "id,study,status,attention,attention_parameters,dataset,seed,metric,score,train_loss,"
    "tokens_per_second,process_peak_bytes,started,seconds,reason";

Options runs_options() {
  Options options("runs", "[options]", "Runs in the database, filtered and sorted.");
  add_reading_options(options);
  add_choosing_options(options);
  options.no_words(". attnlab show RUN tells about one run; attnlab runs --where \"SQL\" filters.")
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

// A column that nobody uses would only take room.
std::string shown_columns(const store::Reader& reader) {
  const bool tags = !reader.query("SELECT 1 FROM run_tags LIMIT 1").rows.empty();
  return kShownColumns + std::string(tags ? ",tags" : "");
}

std::string chosen_columns(const ParsedOptions& parsed, const std::vector<std::string>& known,
                           const store::Reader& reader) {
  const bool for_people = form_of(parsed) == Form::text || form_of(parsed) == Form::markdown;
  const auto list = parsed.text("columns", for_people ? shown_columns(reader) : "all");
  return list == "all" ? "*" : join(known_columns(list, "columns", known), ", ");
}

}  // namespace

int runs(Arguments arguments) {
  const auto parsed = runs_options().parse(arguments);
  if (!parsed) return kExitOk;
  const auto reader = open_reader(*parsed);
  const auto known = reader.columns_of("runs");
  const auto choice = choice_of(*parsed, reader);
  std::string sql = "SELECT " + chosen_columns(*parsed, known, reader) + " " + choice.sql;
  sql += " ORDER BY " + order(parsed->text("sort", "id"), known);
  if (parsed->has("limit")) sql += " LIMIT " + std::to_string(parsed->integer("limit", 0, 0));
  print(printed(report::table_from(reader.query(sql, choice.parameters)), form_of(*parsed)));
  return kExitOk;
}

}  // namespace attnlab::cli
