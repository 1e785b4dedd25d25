/// latex.h: a table for a paper. Pure function.
#pragma once

#include <string>

#include "framework/report/table.h"

namespace attnlab::report {

/// A tabular with the rules of the package booktabs; strong cells are \textbf.
[[nodiscard]] std::string to_latex(const Table& table);
/// Text as LaTeX prints it: every character of its own meaning escaped.
[[nodiscard]] std::string latex_escaped(const std::string& text);

}  // namespace attnlab::report
