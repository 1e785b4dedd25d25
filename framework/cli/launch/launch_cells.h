/// launch_cells.h: what `run` and `grid` share once their cells are known: do it, and say what came
///   of it.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "framework/cells/history.h"
#include "framework/cells/sources.h"
#include "framework/cli/launch/request.h"
#include "framework/launch/cell.h"
#include "framework/launch/gpu_claims.h"
#include "framework/plan/plan.h"
#include "framework/report/table.h"

namespace attnlab::cli {

/// What to plan. For --cfg and --origin no data is looked for.
[[nodiscard]] plan::PlanRequest plan_request(cells::Sources& sources, const LaunchRequest& request);

/// --cfg, --origin or --plan where asked for; else runs the cells and prints the summary.
/// Returns the exit code.
int launch_cells(LaunchKind kind, std::vector<plan::Cell> cells, cells::Sources& sources,
                 const LaunchRequest& request);

/// What a launch of these cells takes.
struct Room {
  int jobs = 1;              // runs at a time
  std::int64_t threads = 1;  // the most that one of them wants on a node
  std::int64_t ranks = 1;    // of each, where they are spread over nodes
  std::shared_ptr<const launch::GpuClaims> gpus{};
};
/// Throws a usage Error where cells cannot be spread over so many nodes (--nodes).
void require_shape(const std::vector<plan::Cell>& cells, const LaunchRequest& request);
/// Where there are more threads than processors that is said on stderr.
[[nodiscard]] Room room_for(const std::vector<plan::Cell>& cells, const LaunchRequest& request);
/// Here or, where the request says so, on Slurm; progress on stderr.
[[nodiscard]] launch::LaunchResult launch_prepared(store::Store& results, std::vector<launch::Cell> cells,
                                                   const LaunchRequest& request, const Room& room);

/// cell, runs as, variant and overrides, and why: "done as run 3", "code changed since run 3
/// (engine)"; and from which step a run that was stopped goes on. Reads the database and states of
/// checkpoints only.
[[nodiscard]] report::Table plan_table(const std::vector<launch::Cell>& cells,
                                       const cells::History& history,
                                       const LaunchRequest& request);

/// What is printed at the end: of one run its last metrics, of a grid the comparison of its study
/// and the reasons of what failed or was skipped, and the commands that show more.
[[nodiscard]] std::string run_summary(const launch::Cell& cell, const launch::CellResult& outcome,
                                      const LaunchRequest& request);
[[nodiscard]] std::string grid_summary(const std::vector<launch::Cell>& cells,
                                       const launch::LaunchResult& result,
                                       const LaunchRequest& request);
/// "more: attnlab runs --study ...": the commands that show more of these studies.
[[nodiscard]] std::string more_about(const std::set<std::string>& studies, const LaunchRequest& request);
[[nodiscard]] std::string outcomes_as_json(const std::vector<launch::Cell>& cells,
                                           const launch::LaunchResult& result);

}  // namespace attnlab::cli
