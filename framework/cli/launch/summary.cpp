// launch_summary.cpp: the words at the end of a run or a grid.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "framework/cli/launch/launch_cells.h"
#include "framework/core/json_text.h"
#include "framework/core/paths.h"
#include "framework/core/process.h"
#include "framework/core/text.h"
#include "framework/report/comparison.h"

namespace attnlab::cli {
namespace {

using launch::CellResult;

// " --db FILE" where the commands would look elsewhere without it.
std::string db_option(const LaunchRequest& request) {
  std::error_code gone;  // the current folder may have been removed meanwhile
  const auto usual = std::filesystem::absolute(paths::default_database(), gone).lexically_normal();
  return !gone && request.database == usual ? "" : " --db " + shell_quoted(request.database.string());
}

// Without those of single layers, which attnlab show has.
std::string last_metrics(const store::Reader& reader, std::int64_t run_id) {
  const auto answer = reader.query(
      "SELECT name AS metric, last AS value, unit, last_step AS step FROM run_last "
      "JOIN metric_keys ON metric_keys.id = key_id WHERE run_id = ?1 AND name NOT GLOB "
      "'*/layer_[0-9]*' ORDER BY name",
      {run_id});
  return answer.rows.empty() ? "" : report::to_text(report::table_from(answer)) + "\n";
}

// The comparison says why runs failed or were skipped; this adds where to read on.
std::string logs(const std::vector<launch::Cell>& cells, const launch::LaunchResult& result) {
  std::string text;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const CellResult& outcome = result.cells[i];
    if (outcome.status != Status::failed || outcome.log.empty()) continue;
    text += fmt::format("log of run {} ({}): {}\n", outcome.run_id, cells[i].label,
                        outcome.log.string());
  }
  return text;
}

std::string counts(const launch::LaunchResult& result) {
  std::vector<std::string> parts;
  for (const CellResult& kind :
       {CellResult{Status::done}, CellResult{Status::done, true}, CellResult{Status::failed},
        CellResult{Status::skipped}, CellResult{Status::interrupted}, CellResult{Status::running},
        CellResult{}}) {
    if (const int count = result.count(kind.status, kind.before); count > 0) {
      parts.push_back(fmt::format("{} {}", count, to_text(kind)));
    }
  }
  return join(parts, ", ");
}

}  // namespace

std::string run_summary(const launch::Cell& cell, const CellResult& outcome,
                        const LaunchRequest& request) {
  if (outcome.run_id == 0) return "not started\n";
  std::string text =
      fmt::format("run {}: {}, {}", outcome.run_id, cell.label, to_text(outcome));
  const bool fresh = outcome.status == Status::done && !outcome.before;
  if (fresh) text += " in " + human_duration(outcome.seconds);
  text += (outcome.reason.empty() ? "" : ": " + outcome.reason) + "\n";
  text += last_metrics(store::Reader(request.database.string()), outcome.run_id);
  if (!outcome.log.empty()) text += "log: " + outcome.log.string() + "\n";
  const std::string db = db_option(request);
  text += fmt::format(
      "more: attnlab show {0}{1}\n      attnlab query{1} \"SELECT step, key, value FROM curves "
      "WHERE run_id = {0}\"\n",
      outcome.run_id, db);
  return text;
}

std::string grid_summary(const std::vector<launch::Cell>& cells, const launch::LaunchResult& result,
                         const LaunchRequest& request) {
  std::set<std::string> studies;
  for (const auto& cell : cells) studies.insert(cell.record.study);
  std::string text;
  for (const auto& study : studies) {
    if (result.count(Status::planned) < static_cast<int>(cells.size())) {
      const store::Reader reader(request.database.string());
      for (const auto& comparison : report::compare(reader, study)) {
        text += report::to_text(comparison) + "\n";
      }
    }
  }
  const std::string line = fmt::format("{} {}: {}\n", cells.size(),
                                       cells.size() == 1 ? "cell" : "cells", counts(result));
  return text + logs(cells, result) + line + more_about(studies, request);
}

std::string more_about(const std::set<std::string>& studies, const LaunchRequest& request) {
  const std::string db = db_option(request);
  std::string commands;
  for (const auto& study : studies) {
    commands += fmt::format("      attnlab runs --study {0}{1}\n      attnlab compare --study {0}{1}\n",
                            shell_quoted(study), db);
  }
  return "more: " + commands.substr(6);
}

std::string outcomes_as_json(const std::vector<launch::Cell>& cells,
                             const launch::LaunchResult& result) {
  auto list = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const CellResult& outcome = result.cells[i];
    list.push_back({{"run", outcome.run_id},
                    {"status", std::string(to_text(outcome))},
                    {"label", cells[i].label},
                    {"overrides", cells[i].record.overrides},
                    {"study", cells[i].record.study},
                    {"fingerprint", cells[i].record.fingerprint},
                    {"reason", outcome.reason},
                    {"log", outcome.log.string()},
                    {"seconds", outcome.seconds}});
  }
  return json_text(list, 2) + "\n";
}

}  // namespace attnlab::cli
