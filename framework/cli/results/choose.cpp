#include "framework/cli/results/choose.h"

#include <algorithm>
#include <vector>

#include "framework/core/error.h"
#include "framework/core/status.h"
#include "framework/core/text.h"
#include "framework/report/study.h"

namespace attnlab::cli {
namespace {

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

}  // namespace

void add_choosing_options(Options& options) {
  options.value("study", "NAME", "runs of this study")
      .value("status", "LIST", "done, failed, skipped, interrupted, running; several with commas")
      .value("tag", "LIST", "runs that have all of these tags; -WORD: those that have it not")
      .value("where", "SQL", "condition on the view's columns: \"bits_per_dim < 1 AND seed = 0\"");
}

bool chooses(const ParsedOptions& parsed) {
  return parsed.has("study") || parsed.has("status") || parsed.has("tag") || parsed.has("where");
}

Choice choice_of(const ParsedOptions& parsed, const store::Reader& reader) {
  Choice choice{"FROM runs WHERE true", {}};
  const auto parameter = [&](const std::string& value) {
    choice.parameters.emplace_back(value);
    return "?" + std::to_string(choice.parameters.size());
  };
  if (const auto study = parsed.text("study")) {
    report::require_study(reader, *study);
    choice.sql +=
        " AND id IN (SELECT run_id FROM study_runs JOIN studies ON studies.id = study_id "
        "WHERE name = " + parameter(*study) + ")";
  }
  if (const auto status = parsed.text("status")) choice.sql += status_condition(*status);
  if (const auto tags = parsed.text("tag")) {
    for (const auto& tag : split(*tags, ',')) {
      const bool without = tag.starts_with('-');
      choice.sql += std::string(" AND id ") + (without ? "NOT " : "") + "IN (SELECT run_id FROM run_tags WHERE tag = " +
                    parameter(without ? tag.substr(1) : tag) + ")";
    }
  }
  if (const auto where = parsed.text("where")) {
    try {
      reader.check_condition("runs", *where);
    } catch (const Error& error) {
      throw Error("--where '" + *where + "': expected one condition. " + error.what(), error.exit_code());
    }
    choice.sql += " AND (" + *where + "\n)";  // the condition may end in a comment
  }
  return choice;
}

std::int64_t find_run(const store::Reader& reader, const std::string& word) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool number =
      !word.empty() && word.size() < 16 && std::all_of(word.begin(), word.end(), is_digit);
  const auto found =
      number ? reader.query("SELECT id, '' FROM run_attempts WHERE id = ?1", {std::stoll(word)})
             : reader.query(
                   "SELECT coalesce(max(id) FILTER (WHERE status = 'done'), max(id)), fingerprint FROM run_attempts WHERE length(?1) >= 6 AND "
                   "substr(fingerprint, 1, length(?1)) = ?1 GROUP BY fingerprint",
                   {word});
  if (found.rows.size() == 1) return store::whole_of(found.rows[0][0]);
  if (found.rows.size() > 1) {
    throw Error("'" + word + "' begins " + std::to_string(found.rows.size()) +
                " fingerprints; give more digits");
  }
  throw Error("there is no run '" + word +
              "' in the database; expected a run's number or the first " +
              "6 or more digits of a fingerprint. attnlab runs lists them.");
}

}  // namespace attnlab::cli
