// compare.cpp: `attnlab compare`: the variants of a study beside each other, and their curves.
#include <cmath>
#include <cstdlib>
#include <optional>

#include "framework/cli/commands.h"
#include "framework/cli/results/output.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/text.h"
#include "framework/core/text_file.h"
#include "framework/report/comparison.h"
#include "framework/report/curves.h"
#include "framework/report/until_significant.h"
#include "framework/report/versus.h"

namespace attnlab::cli {
namespace {

Options compare_options() {
  Options options("compare", "[options]",
                  "The attention variants of a study beside each other, the floor `none` last.");
  add_reading_options(options);
  options.no_words("; name a study with --study NAME")
      .value("study", "NAME", "which study (default: the one with the newest run)")
      .value("against", "VARIANT",
             "what each variant is compared with, seed by seed: differences, intervals, p")
      .value("at-equal", "BUDGET[=N]",
             "with --against: the score when as many steps, seconds, tokens or flops were spent "
             "(default: as many as every run has)")
      .value("target", "SCORE", "with --against: seconds and steps until the score was so low")
      .flag("latex", "print a LaTeX table (package booktabs)")
      .value("plot", "FILE.svg", "also write the curves as an SVG figure")
      .value("metric", "KEY", "metric of the figure (default: the data set's own, on validation)")
      .value("layer", "LIST",
             "figure with a line per layer: all, or numbers with commas (metric: attention/NAME in "
             "validation, train/attention/NAME in training)")
      .value("axis", "AXIS", "axis of the figure: step, seconds or tokens (default: step)");
  return options;
}

/// "seconds=120": the budget and how much of it.
void read_budget(const std::string& text, report::VersusRequest& request) {
  const auto equals = std::min(text.find('='), text.size());
  request.budget = report::budget_from(text.substr(0, equals));
  if (equals == text.size()) return;
  const auto number = text.substr(equals + 1);
  char* end = nullptr;
  const double amount = std::strtod(number.c_str(), &end);
  if (number.empty() || *end != '\0' || !std::isfinite(amount) || amount <= 0) {
    throw Error("--at-equal: expected a number greater than 0 behind '" + text.substr(0, equals + 1) +
                    "', found '" + number + "'",
                kExitUsage);
  }
  constexpr double kMost = 1e15;  // of what is told in whole numbers
  if (request.budget != report::Budget::flops && amount > kMost) {
    throw Error("--at-equal: " + text + " is out of range; expected at most " + text.substr(0, equals + 1) + "1e15", kExitUsage);
  }
  request.amount = amount;
}

std::optional<report::VersusRequest> request_from(const ParsedOptions& parsed) {
  const auto against = parsed.text("against"), budget = parsed.text("at-equal");
  if (!against) {
    for (const char* name : {"at-equal", "target"}) {
      if (parsed.has(name)) {
        throw Error(std::string("--") + name + " needs --against VARIANT, for instance --against dense",
                    kExitUsage);
      }
    }
    return std::nullopt;
  }
  if (budget && parsed.has("target")) {
    throw Error("expected --at-equal or --target, not both", kExitUsage);
  }
  report::VersusRequest request{.against = *against};
  if (budget) read_budget(*budget, request);
  if (parsed.has("target")) request.target = parsed.real("target", 0, -1e300, 1e300);
  return request;
}

/// Tables of several data sets follow each other; for machines they are one.
void append(report::Table& all, const report::Table& table) {
  all.columns = table.columns;
  all.rows.insert(all.rows.end(), table.rows.begin(), table.rows.end());
}

template <class Part>
std::string printed(const std::vector<Part>& parts, Form form) {
  std::string text;
  for (const auto& part : parts) {
    if (!text.empty()) text += "\n";
    text += form == Form::markdown ? to_markdown(part)
            : form == Form::latex  ? to_latex(part)
                                   : to_text(part);
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
  if (const auto path = parsed.text("plot")) require_svg(*path);
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

std::string compared(const store::Reader& reader, const std::string& study, Form form) {
  const auto comparisons = report::compare(reader, study);
  if (form != Form::csv && form != Form::json) return printed(comparisons, form);
  report::Table all;
  for (const auto& comparison : comparisons) append(all, comparison.table);
  return printed(all, form);
}

std::string compared(const store::Reader& reader, const std::string& study,
                     const report::VersusRequest& request, Form form) {
  const auto parts = report::versus(reader, study, request);
  if (form != Form::csv && form != Form::json) return printed(parts, form);
  report::Table all;
  for (const auto& part : parts) {
    for (const auto& question : part.questions) {
      append(all, question.table);
      for (const auto& note : question.notes) notice(note + "\n");
    }
  }
  return printed(all, form);
}

/// What `attnlab grid --until-significant` found, which machines read from the view `looks`.
std::string sequence_text(const store::Reader& reader, const std::string& study, Form form) {
  if (form == Form::csv || form == Form::json) return "";
  const auto sequence = report::stored_sequence(reader, study);
  return sequence && !sequence->looks.empty() ? "\n" + printed(std::vector{*sequence}, form) : "";
}

}  // namespace

int compare(Arguments arguments) {
  const auto parsed = compare_options().parse(arguments);
  if (!parsed) return kExitOk;
  const auto form = form_of(*parsed);
  check_figure_options(*parsed);
  const auto request = request_from(*parsed);
  const auto axis = report::axis_from(parsed->text("axis", "step"));
  const auto reader = open_reader(*parsed);
  const auto study = parsed->has("study") ? *parsed->text("study") : report::newest_study(reader);
  print((request ? compared(reader, study, *request, form) : compared(reader, study, form)) +
        sequence_text(reader, study, form));
  if (const auto path = parsed->text("plot")) {
    write_text(*path, to_svg(figure(reader, study, *parsed, axis)));
    notice("curves: " + *path + "\n");
  }
  return kExitOk;
}

}  // namespace attnlab::cli
