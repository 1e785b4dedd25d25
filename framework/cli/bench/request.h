/// bench_request.h: what `attnlab bench attention` and `attnlab bench train` were asked for.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "framework/cli/launch/request.h"
#include "framework/config/node.h"

namespace attnlab::cli {

/// One line of the table: a preset has several, the command line makes one (or a sweep of them).
struct BenchRow {
  std::string label{};                       // empty: from what differs between the cells
  std::vector<std::string> overrides{};      // as typed, before those of the command line
  config::Node bench = config::Node::map();  // keys of config::BenchConfig that it sets
  std::map<std::int64_t, double> goals{};    // T -> times faster than the peer
};

enum class BenchKind { attention, train };

struct BenchRequest {
  BenchKind kind = BenchKind::attention;
  LaunchRequest launch;
  std::string peer{};  // of train: the variant that is compared with, or "none"
  std::vector<BenchRow> rows;
  std::string title{};  // of the preset
  std::string plot{};   // file, or ""
};

[[nodiscard]] Options bench_options(BenchKind kind);

/// `arguments` are what stood on the command line, for the results. Throws Error (exit code 2) on
/// any value that is wrong, in an option or a preset; nothing has been opened or made by then.
[[nodiscard]] BenchRequest read_bench_request(BenchKind kind, const ParsedOptions& parsed,
                                              Arguments arguments);

/// preset.cpp: experiments/bench/NAME.yaml, or the file itself where `name` ends in .yaml: `title`; `overrides`
/// and `bench`, which all rows share; `rows`, each with a label, overrides, goals (T: times faster)
/// and keys of the section bench. Throws Error that says what was expected.
void read_bench_preset(const std::string& name, BenchRequest& request);
/// Keeps the rows with `text` in their label. Throws Error listing them when there is none.
void keep_rows(const std::string& text, std::vector<BenchRow>& rows);

}  // namespace attnlab::cli
