/// bench_cells.h: from the rows of a benchmark to what the launcher takes.
#pragma once

#include <vector>

#include "framework/cli/bench/request.h"
#include "framework/launch/cell.h"

namespace attnlab::cli {

struct BenchCell {
  launch::Cell cell;
  std::map<std::int64_t, double> goals;
};

/// Every row's cells, composed and checked. A timing is never "done before": each start measures.
[[nodiscard]] std::vector<BenchCell> bench_cells(const BenchRequest& request);

}  // namespace attnlab::cli
