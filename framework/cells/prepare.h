/// prepare.h: from the cells of a plan to what the launcher takes.
#pragma once

#include <vector>

#include "framework/cells/history.h"
#include "framework/cells/sources.h"
#include "framework/launch/cell.h"
#include "framework/plan/plan.h"

namespace attnlab::cells {

/// Fingerprint, plugin, refusal and environment of every cell. A cell that its plugin refused
/// before, with the same fingerprint, is refused with the same words. With --reuse=config a cell
/// takes the fingerprint of a finished run that differs in code alone. Takes the planned cells and
/// frees each behind itself: a plan may have ten thousands.
[[nodiscard]] std::vector<launch::Cell> prepare(std::vector<plan::Cell> cells,
                                                Sources& sources, const History& history,
                                                const Request& request);

/// Command, build, machine and source: what stands in the database beside every run.
[[nodiscard]] store::Facts common_environment(const Request& request);

}  // namespace attnlab::cells
