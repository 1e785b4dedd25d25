/// bench_preset.h: rows and goals of a benchmark from a file.
#pragma once

#include "framework/cli/bench/request.h"

namespace attnlab::cli {

/// experiments/bench/NAME.yaml, or the file itself where `name` ends in .yaml: `title`; `overrides`
/// and `bench`, which all rows share; `rows`, each with a label, overrides, goals (T: times faster)
/// and keys of the section bench. Throws Error that says what was expected.
void read_bench_preset(const std::string& name, BenchRequest& request);

/// Keeps the rows with `text` in their label. Throws Error listing them when there is none.
void keep_rows(const std::string& text, std::vector<BenchRow>& rows);

}  // namespace attnlab::cli
