#include "framework/cli/checkpoints/find.h"

#include <algorithm>
#include <optional>
#include <set>

#include "framework/cli/results/choose.h"
#include "framework/cli/results/output.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/status_lines.h"
#include "framework/core/text.h"
#include "framework/launch/asked_child.h"
#include "framework/store/store.h"

namespace attnlab::cli {
namespace {

namespace fs = std::filesystem;

std::optional<double> validation_of(const StoredCheckpoint& stored) {
  try {
    return checkpoint::read_state(stored.checkpoint.path).validation;
  } catch (const Error&) {
    return std::nullopt;
  }
}

const StoredCheckpoint* best_of(const std::vector<StoredCheckpoint>& all) {
  const StoredCheckpoint* best = nullptr;
  std::optional<double> least;
  for (const auto& each : all) {
    const auto score = validation_of(each);
    if (!score || (least && *score >= *least)) continue;
    least = score;
    best = &each;
  }
  return best;
}

const StoredCheckpoint* at_step(const std::vector<StoredCheckpoint>& all, const std::string& step) {
  const StoredCheckpoint* found = nullptr;
  for (const auto& each : all) {
    if (std::to_string(each.checkpoint.step) == step) found = &each;
  }
  return found;
}

/// Where an attempt's folder may be: where it was made, or beside the database that it was moved with.
struct AttemptPlaces {
  std::int64_t run = 0, attempt = 1;
  std::vector<fs::path> folders;
};

std::vector<AttemptPlaces> places_of(const store::Reader& reader, const fs::path& database, std::int64_t run) {
  const auto answer = reader.query(
      "SELECT a.id, a.attempt, path, merged_from IS NULL FROM artifacts JOIN run_attempts AS a ON a.id = run_id WHERE artifacts.kind = 'log' AND "
      "fingerprint = (SELECT fingerprint FROM run_attempts WHERE id = ?1) ORDER BY a.attempt",
      {run});
  std::vector<AttemptPlaces> all;
  std::set<fs::path> seen;
  for (const auto& row : answer.rows) {
    const auto folder = fs::path(store::text_of(row.at(2))).parent_path();
    // What was merged lies where it lay: a folder of that name here may be another run's.
    const bool at_home = store::whole_of(row.at(3)) != 0;
    AttemptPlaces places{store::whole_of(row.at(0)), store::whole_of(row.at(1)), {}};
    for (const auto& each : {folder, at_home ? database.parent_path() / folder.filename() : folder}) {
      if (seen.insert(each).second) places.folders.push_back(each);
    }
    if (!places.folders.empty()) all.push_back(std::move(places));
  }
  return all;
}

std::string gone_folders(const store::Reader& reader, const fs::path& database, std::int64_t run) {
  std::string text;
  for (const auto& places : places_of(reader, database, run)) {
    if (std::ranges::any_of(places.folders, is_folder)) continue;
    text += (text.empty() ? "" : ", ") + ("'" + places.folders[0].string() + "'");
    if (places.run != run) text += " (of run " + std::to_string(places.run) + ", attempt " + std::to_string(places.attempt) + ")";
  }
  return text;
}

std::string steps_of(const std::vector<StoredCheckpoint>& all) {
  std::vector<std::string> steps;
  for (const auto& each : all) steps.push_back(std::to_string(each.checkpoint.step));
  return "It has those of step " + join(steps, ", ") + ".";
}

}  // namespace

bool folder_is_gone(const store::Reader& reader, const fs::path& database, std::int64_t run) {
  return !gone_folders(reader, database, run).empty();
}

std::string why_missing(const store::Reader& reader, const fs::path& database, std::int64_t run) {
  if (const auto gone = gone_folders(reader, database, run); !gone.empty()) {
    return "the folder " + gone + " is not there any more: it was removed, moved, or is on a disk that is not mounted. "
           "Put it back, there or beside the database.";
  }
  const auto rows = reader.query("SELECT status, (SELECT text FROM facts WHERE run_id = id AND name = 'checkpoint_lost') FROM "
                                 "run_attempts WHERE id = ?1", {run}).rows;
  const auto status = rows.empty() ? "" : report::exact(rows[0].at(0));
  if (const auto lost = rows.empty() ? "" : report::exact(rows[0].at(1)); !lost.empty()) {
    return "those that were due could not be written: " + lost + ".";
  }
  return (status == "done" || status.empty() ? "it was too short" : "it is " + status + " and had not come to one") +
         ", or has train.checkpoint_every=0.";
}

std::vector<StoredCheckpoint> checkpoints_of(const store::Reader& reader, const fs::path& database,
                                             std::int64_t run) {
  std::vector<StoredCheckpoint> all;
  for (const auto& places : places_of(reader, database, run)) {
    for (const auto& folder : places.folders) {
      for (auto& found : checkpoint::list(folder / checkpoint::kFolder)) all.push_back({places.run, places.attempt, std::move(found)});
    }
  }
  return all;
}

fs::path find_checkpoint(const std::string& word, const ParsedOptions& parsed) {
  std::error_code ignored;
  if (word.find('/') != word.npos || fs::is_directory(word, ignored)) {
    const auto path = fs::absolute(word, ignored).lexically_normal();
    static_cast<void>(checkpoint::read_state(path));
    return path;
  }
  const auto at = word.rfind('@');
  const auto which = at == word.npos ? "" : word.substr(at + 1);
  const auto reader = open_reader(parsed);
  const auto run = find_run(reader, word.substr(0, at));
  const auto database = store::database_path(parsed.database());
  const auto all = checkpoints_of(reader, database, run);
  const auto* found = which.empty() ? (all.empty() ? nullptr : &all.back())
                      : which == "best" ? best_of(all)
                                        : at_step(all, which);
  if (found != nullptr) return found->checkpoint.path;
  const auto none = "run " + std::to_string(run) + " has no checkpoint" + (which.empty() ? "" : " '" + which + "'");
  const auto gone = all.empty() || folder_is_gone(reader, database, run);
  throw Error(none + (gone ? ": " + why_missing(reader, database, run) : ".") + (all.empty() ? "" : " " + steps_of(all)) +
              " Expected RUN, RUN@STEP, RUN@best or a checkpoint's folder.");
}

std::vector<launch::Report> evaluated(const launch::RunSpec& spec, bool quiet, const std::string& what) {
  StatusLines lines(STDERR_FILENO, 60, quiet ? StatusLines::Kind::quiet : StatusLines::Kind::detect);
  return launch::evaluate_in_child(spec, [&](const launch::Report& report) {
    if (lines.due()) lines.show(grouped(report.step) + " of " + grouped(report.steps) + " " + what);
  });
}

}  // namespace attnlab::cli
