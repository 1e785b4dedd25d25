/// cells.h: from the cells of a plan to what the launcher takes, and what --plan prints of them.
#pragma once

#include <string>
#include <vector>

#include "framework/launch/history.h"
#include "framework/cli/launch/sources.h"
#include "framework/launch/cell.h"
#include "framework/plan/plan.h"
#include "framework/report/table.h"

namespace attnlab::cli {

/// Fingerprint, plugin, refusal and environment of every cell. A cell that its plugin refused
/// before, with the same fingerprint, is refused with the same words. With --reuse=config a cell
/// takes the fingerprint of a finished run that differs in code alone.
[[nodiscard]] std::vector<launch::Cell> prepare_cells(const std::vector<plan::Cell>& cells,
                                                      Sources& sources, const launch::History& history,
                                                      const LaunchRequest& request);

/// Command, build, machine and source: what stands in the database beside every run.
[[nodiscard]] store::Facts common_environment(const LaunchRequest& request);

/// cell, runs as, variant and overrides, and why: "done as run 3", "code changed since run 3
/// (engine)". Reads the database only.
[[nodiscard]] report::Table plan_table(const std::vector<launch::Cell>& cells,
                                       const launch::History& history,
                                       const std::filesystem::path& database);

}  // namespace attnlab::cli
