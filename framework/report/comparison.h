/// comparison.h: the table that a study is for: one line per attention variant, the floor last.
#pragma once

#include <string>
#include <vector>

#include "framework/report/study.h"
#include "framework/report/table.h"

namespace attnlab::report {

/// The variants on one data set under one model. Numbers are means over the seeds of done runs
/// (± sample standard deviation), with their number where it is not the same for all; memory is the largest; the rest of the runs are counted in the
/// column `status` and explained in the notes.
struct Comparison {
  std::string caption;  // data (synthetic or prefix where so), model, recipe, seeds
  Table table;
  std::vector<std::string> notes;  // what the marks mean, what rows differ in besides their config,
                                   // why runs failed or were skipped
};

/// One comparison per data set, best validation metric first, `none` last. A data set of which one
/// config was run on several contents is one comparison for each content. Throws Error as
/// runs_of_study() does.
[[nodiscard]] std::vector<Comparison> compare(const store::Reader& reader,
                                              const std::string& study);

/// The same of runs that were read before.
[[nodiscard]] std::vector<Comparison> compare(const Runs& runs);

[[nodiscard]] std::string to_text(const Comparison& comparison);
[[nodiscard]] std::string to_markdown(const Comparison& comparison);
[[nodiscard]] std::string to_latex(const Comparison& comparison);

}  // namespace attnlab::report
