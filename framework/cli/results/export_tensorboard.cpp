// export_tensorboard.cpp: `attnlab export --tensorboard`: a folder with an event file for each run.
#include <fmt/format.h>

#include <cmath>
#include <map>
#include <set>

#include "framework/cli/results/event_folders.h"
#include "framework/cli/results/exports.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/process.h"
#include "framework/core/status_lines.h"
#include "framework/core/text.h"
#include "framework/core/text_file.h"
#include "framework/core/utf8.h"
#include "framework/report/event_file.h"
#include "framework/report/study.h"
#include "framework/report/table.h"

namespace attnlab::cli {
namespace {

namespace fs = std::filesystem;

// What a run of another status has is nothing: it was skipped. `past`: a later attempt has the whole curve.
constexpr char kEventRuns[] =
    "SELECT r.id, r.study, r.attention, r.seed, r.status, r.fingerprint, r.attempt, a.created_ms, "
    "coalesce(a.ended_ms, a.heartbeat_ms, a.created_ms), "
    "EXISTS (SELECT 1 FROM run_attempts AS later WHERE later.fingerprint = a.fingerprint AND "
    "later.attempt > a.attempt AND later.continues_id <= a.id) AS past "
    "FROM runs AS r JOIN run_attempts AS a ON a.id = r.id WHERE r.id IN ids AND "
    "r.status IN ('running', 'done', 'failed', 'interrupted') ORDER BY r.id";

constexpr char kNumbers[] =
    "SELECT m.step, coalesce(e.wall_ms, ?2) AS wall_ms, k.name, m.value FROM metrics AS m "
    "JOIN metric_keys AS k ON k.id = m.key_id LEFT JOIN events AS e ON e.run_id = m.run_id AND e.step = m.step "
    "WHERE m.run_id = ?1 ORDER BY m.step, k.name";

std::string utf8_text(const store::Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? "" : text::replace_ill_formed(*text);  // protocol buffers take no other
}

double seconds_of(const store::Value& milliseconds) {
  const auto* number = std::get_if<std::int64_t>(&milliseconds);
  return number == nullptr ? 0 : static_cast<double>(*number) / 1000;
}

struct EventRun {
  store::Value id, created_ms;
  std::string study, label, seed, status, name;  // name: of the file
  double created = 0, ended = 0;
  bool past = false;
};

EventRun event_run(const store::Row& row) {
  EventRun run{.id = row.at(0),
               .created_ms = row.at(7),
               .study = utf8_text(row.at(1)),
               .label = utf8_text(row.at(2)),
               .seed = std::holds_alternative<std::int64_t>(row.at(3)) ? std::to_string(store::whole_of(row.at(3))) : "",
               .status = utf8_text(row.at(4)),
               .name = {},
               .created = seconds_of(row.at(7)),
               .ended = seconds_of(row.at(8)),
               .past = row.at(9) == store::Value(std::int64_t{1})};
  run.name = fmt::format("events.out.tfevents.{:010}.attnlab.{}-{}", static_cast<std::int64_t>(run.created),
                         folder_name(utf8_text(row.at(5)).substr(0, 12)), store::whole_of(row.at(6)));
  return run;
}

/// "hash_sparse buckets=16" where buckets vary in the study; runs without a label keep their attention's name.
void name_variants(const store::Reader& reader, std::vector<EventRun>& runs) {
  std::map<store::Value, std::string> labels;
  std::set<std::string> studies;
  for (const auto& run : runs) studies.insert(run.study);
  for (const auto& study : studies) {
    try {
      for (const auto& group : report::groups_of(report::runs_of_study(reader, study))) {
        for (const auto& run : group.runs) labels[run.value("id")] = group.label;
      }
    } catch (const Error&) {
      continue;  // timings alone
    }
  }
  for (auto& run : runs) {
    if (const auto found = labels.find(run.id); found != labels.end()) run.label = found->second;
  }
}

std::string config_text(const report::Parameters& parameters, const std::string& heading) {
  std::string text = heading + "\n\n";
  for (const auto& [key, value] : parameters) {
    std::string line = key + ": " + report::exact(value);
    for (auto& letter : line) letter = letter == '\n' || letter == '\r' ? ' ' : letter;
    text += "    " + line + "\n";
  }
  return text;
}

/// The whole content of a run's file. `numbers` is raised by what it holds.
std::string events_of(const store::Reader& reader, const EventRun& run, std::int64_t& numbers) {
  report::Parameters parameters;
  for (const auto& row : reader.query("SELECT key, value FROM configs WHERE run_id = ?1 ORDER BY key", {run.id}).rows) {
    if (store::is_null(row.at(1))) continue;
    const bool text = std::holds_alternative<std::string>(row.at(1));
    parameters.emplace_back(utf8_text(row.at(0)), text ? store::Value(utf8_text(row.at(1))) : row.at(1));
  }
  const auto number = std::to_string(store::whole_of(run.id));
  auto content = report::version_event(run.created) +
                 report::text_event({run.created, 0}, "config",
                                    config_text(parameters, "Run " + number + " of attnlab")) +
                 report::session_start_event(run.created, parameters);
  reader.each(kNumbers, {run.id, run.created_ms}, [](const auto&) {}, [&](const store::Row& row) {
    const auto* value = std::get_if<double>(&row.at(3));
    const auto* whole = std::get_if<std::int64_t>(&row.at(3));
    content += report::scalar_event({seconds_of(row.at(1)), store::whole_of(row.at(0))}, utf8_text(row.at(2)),
                                    value != nullptr ? *value : whole != nullptr ? static_cast<double>(*whole) : NAN);
    ++numbers;
  });
  if (run.status == "running") return content;
  const bool done = run.status == "done";
  return content + report::session_end_event(run.ended, done ? report::SessionEnd::success : report::SessionEnd::failure);
}

}  // namespace

void export_tensorboard(const store::Reader& reader, const store::Value& study, const fs::path& folder) {
  std::vector<EventRun> runs;
  for (const auto& row : reader.query(std::string(kExportedIds) + kEventRuns, {study}).rows) runs.push_back(event_run(row));
  name_variants(reader, runs);
  make_folder(folder);
  EventFolders folders(folder);
  StatusLines status(STDERR_FILENO, 5);
  std::int64_t numbers = 0, files = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto& run = runs[i];
    const auto seed = run.seed.empty() ? "" : "_seed" + run.seed;
    const auto place = folder_name(run.study) + "/" + folder_name(run.label) + seed + "_run" +
                       std::to_string(store::whole_of(run.id));
    folders.only_in(run.past ? "" : place, folder_name(run.study), run.name);
    if (run.past) continue;
    folders.write(place, run.name, events_of(reader, run, numbers));
    ++files;
    if (status.due()) status.show("runs: " + grouped(files) + " of " + grouped(std::ssize(runs)));
  }
  status.clear();
  print("tensorboard: " + grouped(files) + (files == 1 ? " run, " : " runs, ") + grouped(numbers) +
        " numbers; tensorboard --logdir " + shell_quoted(folder.string()) + " shows them\n");
}

}  // namespace attnlab::cli
