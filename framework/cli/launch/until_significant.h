/// until_significant.h: `attnlab grid --until-significant`: seeds are added until every variant is told
///   apart from the one that it is compared with, or the plan's last look is over.
#pragma once

#include "framework/cli/launch/launch_cells.h"
#include "framework/report/sequential.h"

namespace attnlab::cli {

struct UntilRequest {
  std::string against = "dense";
  std::string metric;  // empty: the data set's own, on validation
  report::Spending spending = report::Spending::pocock;
  double alpha = 0.05;
  std::int64_t most = 20;   // seeds
  std::int64_t every = 1;   // seeds between looks
};

void add_until_options(Options& options);
/// Nothing without --until-significant. Throws a usage Error, also where only its companions stand.
[[nodiscard]] std::optional<UntilRequest> until_request(const ParsedOptions& parsed);

/// --plan, --cfg and --origin as launch_cells; else runs, looks, and goes on. What a look found is
/// stored before more runs start, and a stored look is not taken again. Returns the exit code. Throws
/// Error: seeds are swept, nothing to compare with, a plan that differs from the stored one after
/// the first look.
int launch_until_significant(cells::Sources& sources, LaunchRequest request, const UntilRequest& until);

}  // namespace attnlab::cli
