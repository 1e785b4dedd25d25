#include "framework/report/table.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "framework/core/output.h"

namespace attnlab::report {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;
constexpr std::array kSpecial{
    Pair{"\\", "\\textbackslash{}"}, Pair{"&", "\\&"},  Pair{"%", "\\%"},
    Pair{"$", "\\$"},                Pair{"#", "\\#"},  Pair{"_", "\\_"},
    Pair{"{", "\\{"},                Pair{"}", "\\}"},  Pair{"~", "\\textasciitilde{}"},
    Pair{"^", "\\textasciicircum{}"}, Pair{"\n", " "},  Pair{"<", "$<$"},
    Pair{">", "$>$"},                Pair{"±", "$\\pm$"}, Pair{"†", "$\\dagger$"},
    Pair{"≠", "$\\neq$"},            Pair{"–", "--"}};

}  // namespace

std::string latex_escaped(const std::string& text) {
  const auto safe = harmless(text);
  std::string out;
  for (std::string_view rest = safe; !rest.empty();) {
    const auto special =
        std::ranges::find_if(kSpecial, [&](const Pair& p) { return rest.starts_with(p.first); });
    const bool found = special != kSpecial.end();
    out += found ? special->second : rest.substr(0, 1);
    rest.remove_prefix(found ? special->first.size() : 1);
  }
  return out;
}

std::string to_latex(const Table& table) {
  std::string columns, header, body;
  const auto cell = [](std::string& line, const std::string& text) {
    if (!line.empty()) line += " & ";
    line += text;
  };
  for (const auto& column : table.columns) {
    if (column.machine_only) continue;
    columns += column.align == Align::left ? 'l' : 'r';
    cell(header, latex_escaped(column.title.empty() ? column.name : column.title));
  }
  for (const auto& row : table.rows) {
    std::string line;
    bool first = true;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (table.columns[i].machine_only) continue;
      const auto text = latex_escaped(display(row[i], table.columns[i].format));
      if (!std::exchange(first, false)) line += " & ";
      line += row[i].strong ? "\\textbf{" + text + "}" : text;
    }
    body += line + " \\\\\n";
  }
  return "\\begin{tabular}{" + columns + "}\n\\toprule\n" + header + " \\\\\n\\midrule\n" + body +
         "\\bottomrule\n\\end{tabular}\n";
}

}  // namespace attnlab::report
