// compare.cpp: `attnlab compare`: the variants of a study beside each other, and their curves.
#include "framework/cli/commands.h"
#include "framework/cli/results/output.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/report/comparison.h"
#include "framework/report/curves.h"

namespace attnlab::cli {
namespace {

Options compare_options() {
  Options options("compare", "[options]",
                  "The attention variants of a study beside each other, the floor `none` last.");
  add_reading_options(options);
  options.value("study", "NAME", "which study (default: the one with the newest run)")
      .value("plot", "FILE.svg", "also write the curves as an SVG figure")
      .value("metric", "KEY", "metric of the figure (default: the data set's own, on validation)")
      .value("axis", "AXIS", "axis of the figure: step, seconds or tokens (default: step)");
  return options;
}

/// Tables of several data sets follow each other; for machines they are one.
std::string printed(const std::vector<report::Comparison>& comparisons, Form form) {
  if (form == Form::csv || form == Form::json) {
    auto all = comparisons.at(0).table;
    for (std::size_t i = 1; i < comparisons.size(); ++i) {
      const auto& rows = comparisons[i].table.rows;
      all.rows.insert(all.rows.end(), rows.begin(), rows.end());
    }
    return printed(all, form);
  }
  std::string text;
  for (const auto& comparison : comparisons) {
    if (!text.empty()) text += "\n";
    text += form == Form::markdown ? to_markdown(comparison) : to_text(comparison);
  }
  return text;
}

}  // namespace

int compare(Arguments arguments) {
  const auto parsed = compare_options().parse(arguments);
  if (!parsed) return kExitOk;
  if (!parsed->words().empty()) {
    throw Error("unexpected word '" + parsed->words()[0] + "'; name a study with --study NAME",
                kExitUsage);
  }
  const auto form = form_of(*parsed);
  const auto axis = report::axis_from(parsed->text("axis", "step"));
  const auto reader = open_reader(*parsed);
  const auto study = parsed->has("study") ? *parsed->text("study") : report::newest_study(reader);
  print(printed(report::compare(reader, study), form));
  if (const auto path = parsed->text("plot")) {
    write_svg(report::curves_plot(reader, study, parsed->text("metric", ""), axis), *path);
    notice("curves: " + *path + "\n");
  }
  return kExitOk;
}

}  // namespace attnlab::cli
