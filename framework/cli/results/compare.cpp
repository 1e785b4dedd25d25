// compare.cpp: `attnlab compare`: the variants of a study beside each other, and their curves.
#include "framework/cli/commands.h"
#include "framework/cli/results/output.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/text.h"
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
      .value("layer", "LIST",
             "figure with a line per layer: all, or numbers with commas (metric: attention/NAME in "
             "validation, train/attention/NAME in training)")
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

/// Empty for all of them. Throws a usage Error.
std::vector<std::int64_t> layers_from(const std::string& list) {
  std::vector<std::int64_t> layers;
  if (list == "all") return layers;
  for (const auto& word : split(list, ',')) {
    const bool number = !word.empty() && word.size() < 10 &&
                        word.find_first_not_of("0123456789") == std::string::npos;
    if (!number) {
      throw Error("--layer: '" + word + "' is no layer; expected all, or numbers from 0 with commas",
                  kExitUsage);
    }
    layers.push_back(std::stoll(word));
  }
  return layers;
}

report::Plot figure(const store::Reader& reader, const std::string& study,
                    const ParsedOptions& parsed, report::Axis axis) {
  const auto key = parsed.text("metric", "");
  const auto layers = parsed.text("layer");
  return layers ? report::layers_plot(reader, study, key, layers_from(*layers), axis)
                : report::curves_plot(reader, study, key, axis);
}

void check_figure_options(const ParsedOptions& parsed) {
  for (const auto* option : {"layer", "metric", "axis"}) {
    if (parsed.has(option) && !parsed.has("plot")) {
      throw Error("--" + std::string(option) + " is of the figure; name one with --plot FILE.svg",
                  kExitUsage);
    }
  }
  if (!parsed.has("layer")) return;
  static_cast<void>(layers_from(*parsed.text("layer")));
  if (!parsed.has("metric")) {
    throw Error("--layer needs --metric KEY: one that the attention reports, for example "
                "train/attention/pairs_over_even", kExitUsage);
  }
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
  check_figure_options(*parsed);
  const auto axis = report::axis_from(parsed->text("axis", "step"));
  const auto reader = open_reader(*parsed);
  const auto study = parsed->has("study") ? *parsed->text("study") : report::newest_study(reader);
  print(printed(report::compare(reader, study), form));
  if (const auto path = parsed->text("plot")) {
    write_svg(figure(reader, study, *parsed, axis), *path);
    notice("curves: " + *path + "\n");
  }
  return kExitOk;
}

}  // namespace attnlab::cli
