/// tables.h: what a benchmark prints, from the database. The Reader belongs to one thread; its
///   Errors pass through.
#pragma once

#include <string>
#include <vector>

#include "framework/cli/bench/cells.h"
#include "framework/report/svg_plot.h"
#include "framework/report/table.h"
#include "framework/store/reader.h"

namespace attnlab::cli {

using BenchRuns = std::vector<BenchRun>;

/// One row per run and length: times, their spread, times faster, memory, goal.
[[nodiscard]] report::Table timings_table(BenchKind kind, const store::Reader& reader,
                                          const BenchRuns& runs);

/// One row per run, one column per length: "7.20x of 7x: yes". Empty where no run has a goal.
[[nodiscard]] report::Table goals_table(const store::Reader& reader, const BenchRuns& runs);

/// One row per run and length that has one: what the time is bounded by, and its share. Empty
/// without --roofline.
[[nodiscard]] report::Table roofline_table(const store::Reader& reader, const BenchRuns& runs);

/// "hash_sparse: time grows as T^1.31, LibTorch's as T^1.95", one line per run with two lengths.
[[nodiscard]] std::string growth_lines(const store::Reader& reader, const BenchRuns& runs);

/// What all of it was measured on: CPU, instruction sets, threads, shape, inputs and their seed.
[[nodiscard]] std::string conditions(const store::Reader& reader, const BenchRun& run);

/// Times faster over T, one line per run.
[[nodiscard]] report::Plot ratio_plot(const store::Reader& reader, const BenchRuns& runs,
                                      const std::string& title);

}  // namespace attnlab::cli
