// plan_table.cpp: what --plan says of every cell.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "framework/checkpoint/folder.h"
#include "framework/cli/launch/launch_cells.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::cli {
namespace {

namespace fs = std::filesystem;

/// Where a cell that was stopped would go on.
struct ResumePoint {
  std::int64_t attempt = 0, step = 0;
};

std::optional<std::int64_t> newest_in(const fs::path& run_folder, const std::string& fingerprint) {
  auto all = checkpoint::list(run_folder / checkpoint::kFolder);
  std::ranges::reverse(all);
  for (const auto& found : all) {
    try {
      const auto state = checkpoint::read_state(found.path);
      if (state.fingerprint == fingerprint && state.step == found.step) return found.step;
    } catch (const Error&) {
      continue;  // the worker passes it over as well
    }
  }
  return std::nullopt;
}

/// The newest checkpoint of this fingerprint that its stopped attempts have left, back to the last one that
/// began from scratch: what a worker would take, as far as its state.json tells; the worker reads all of it.
/// `database` is the file that `reader` reads.
std::optional<ResumePoint> resume_point(const store::Reader& reader, const fs::path& database,
                                        const std::string& fingerprint) {
  const auto answer = reader.query(
      "SELECT a.attempt, path, merged_from IS NULL, "
      "EXISTS (SELECT 1 FROM facts WHERE run_id = a.id AND name = 'from_scratch') "
      "FROM run_attempts AS a LEFT JOIN artifacts ON run_id = a.id AND artifacts.kind = 'log' "
      "WHERE fingerprint = ?1 AND a.status IN ('interrupted', 'failed') ORDER BY a.attempt DESC", {fingerprint});
  std::int64_t given_up = 0;  // attempts before this one
  for (const auto& row : answer.rows) {
    const auto attempt = store::whole_of(row.at(0));
    if (attempt < given_up) break;
    if (store::whole_of(row.at(3)) != 0) given_up = attempt;
    if (store::is_null(row.at(1))) continue;
    const auto recorded = fs::path(store::text_of(row.at(1))).parent_path();
    auto step = newest_in(recorded, fingerprint);
    if (!step && store::whole_of(row.at(2)) != 0) {
      step = newest_in(database.parent_path() / recorded.filename(), fingerprint);
    }
    if (step) return ResumePoint{attempt, *step};
  }
  return std::nullopt;
}

struct Prospect {
  std::string status;  // done, running, skipped, run, same
  std::string why;
  std::optional<ResumePoint> from{};
};

// Both are there where the database is.
struct Results {
  std::optional<store::Store> store;
  std::optional<store::Reader> reader;
  explicit Results(const std::filesystem::path& database) {
    if (!std::filesystem::exists(database)) return;
    store.emplace(database.string(), store::Store::Mode::read_only);
    reader.emplace(database.string());
  }
};

std::string why_again(const launch::Cell& cell, const cells::History& history) {
  if (const cells::PastRun* last = history.newest(cell.record.fingerprint)) {
    const std::string reason = split(last->reason, '\n').at(0);
    const std::string was = last->status == "running" ? "abandoned" : last->status;
    return fmt::format("run {} {}{}", last->id, was, reason.empty() ? "" : ": " + reason);
  }
  if (const cells::PastRun* other = history.relative(cell.record)) {
    const auto changed = cells::changed_parts(other->parts, cell.record.fingerprint_parts);
    return fmt::format("changed since run {} ({}): {}", other->id, other->status,
                       join(changed, ", "));
  }
  return "new";
}

// A run that was stopped or failed: from where it goes on.
Prospect going_on(const launch::Cell& cell, const cells::History& history, const Results& results,
                  const LaunchRequest& request) {
  Prospect prospect{"run", why_again(cell, history)};
  if (!results.reader || history.newest(cell.record.fingerprint) == nullptr) return prospect;
  if (!request.from_scratch) prospect.from = resume_point(*results.reader, request.database, cell.record.fingerprint);
  prospect.why += prospect.from ? fmt::format("; continues attempt {} at step {}", prospect.from->attempt, grouped(prospect.from->step))
                                : std::string("; begins anew") + (request.from_scratch ? "" : ", it left no checkpoint");
  return prospect;
}

// Only of a run that is said to be going on the store is asked: whether its process lives.
Prospect prospect_of(const launch::Cell& cell, const cells::History& history, const Results& results,
                     const LaunchRequest& request) {
  if (!cell.refusal.empty()) return {"skipped", cell.refusal};
  const cells::PastRun* last = history.newest(cell.record.fingerprint);
  if (last == nullptr || last->status != "running") {
    if (last != nullptr && last->status == "done") return {"done", fmt::format("as run {}", last->id)};
    return going_on(cell, history, results, request);
  }
  const auto claim = results.store ? results.store->peek(cell.record.fingerprint) : std::nullopt;
  const bool runs = claim && claim->result == store::ClaimResult::running_elsewhere;
  return runs ? Prospect{"running", fmt::format("as run {}", claim->run_id)}
              : going_on(cell, history, results, request);
}

}  // namespace

report::Table plan_table(const std::vector<launch::Cell>& cells, const cells::History& history,
                         const LaunchRequest& request) {
  const Results results(request.database);
  report::Table table;
  table.columns = {{.name = "cell"},
                   {.name = "status", .align = report::Align::left},
                   {.name = "run", .align = report::Align::left},
                   {.name = "why", .align = report::Align::left},
                   {.name = "continues_step", .machine_only = true},
                   {.name = "overrides", .align = report::Align::left, .machine_only = true},
                   {.name = "fingerprint", .align = report::Align::left, .machine_only = true}};
  std::map<std::string, std::size_t> first;  // by fingerprint
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto& cell = cells[i];
    auto prospect = prospect_of(cell, history, results, request);
    const auto [at, is_new] = first.emplace(cell.record.fingerprint, i);
    if (!is_new && prospect.status == "run") {
      prospect = {"same", fmt::format("as cell {}: they differ in what changes no result, and one of them runs", at->second + 1)};
    }
    table.rows.push_back({{.value = static_cast<std::int64_t>(i + 1)},
                          {.value = prospect.status},
                          {.value = cell.label},
                          {.value = prospect.why},
                          prospect.from ? report::Cell{.value = prospect.from->step} : report::Cell{},
                          {.value = cell.record.overrides},
                          {.value = cell.record.fingerprint}});
  }
  return table;
}

}  // namespace attnlab::cli
