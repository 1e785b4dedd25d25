/// cells.h: from the rows of a benchmark to what the launcher takes.
#pragma once

#include <vector>

#include "framework/cli/bench/request.h"
#include "framework/launch/cell.h"

namespace attnlab::cli {

/// One cell of a benchmark and the run that it became.
struct BenchRun {
  std::string label;
  std::int64_t id = 0;                     // once it was launched
  std::map<std::int64_t, double> goals{};  // T -> times faster than the peer
};

struct BenchCells {
  std::vector<launch::Cell> cells;  // all but what they share of their environment
  std::vector<BenchRun> runs;       // one per cell
};

/// Every row's cells, composed and checked. A timing is never "done before": each start measures.
[[nodiscard]] BenchCells bench_cells(const BenchRequest& request);

}  // namespace attnlab::cli
