#include "framework/cli/results/output.h"

#include "framework/core/error.h"

namespace attnlab::cli {

void add_reading_options(Options& options) {
  options.database()
      .flag("json", "print JSON, exact values")
      .flag("csv", "print CSV, exact values")
      .flag("markdown", "print a Markdown table");
}

Form form_of(const ParsedOptions& parsed) {
  if (parsed.has("json") + parsed.has("csv") + parsed.has("markdown") + parsed.has("latex") > 1) {
    throw Error(parsed.has("latex")
                    ? "expected one of --json, --csv, --markdown and --latex, not several"
                    : "expected one of --json, --csv and --markdown, not several",
                kExitUsage);
  }
  if (parsed.has("latex")) return Form::latex;
  if (parsed.has("json")) return Form::json;
  if (parsed.has("csv")) return Form::csv;
  return parsed.has("markdown") ? Form::markdown : Form::text;
}

store::Reader open_reader(const ParsedOptions& parsed) {
  store::Reader reader(parsed.database());
  reader.set_timeout(kQueryTimeout);  // a view of a foreign database may be endless
  return reader;
}

void require_svg(const std::string& plot) {
  if (plot.ends_with(".svg")) return;
  throw Error("--plot: the figure is SVG; expected a name that ends in .svg, found '" + plot + "'", kExitUsage);
}

std::string printed(const report::Table& table, Form form) {
  switch (form) {
    case Form::json:
      return to_json(table);
    case Form::csv:
      return to_csv(table);
    case Form::markdown:
      return to_markdown(table);
    case Form::latex:
      return report::to_latex(table);
    case Form::text:
      break;
  }
  return to_text(table);
}

}  // namespace attnlab::cli
