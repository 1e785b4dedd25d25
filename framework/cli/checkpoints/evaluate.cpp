// evaluate.cpp: `attnlab evaluate CHECKPOINT [overrides]`: its score on any split, length or data set.
#include <unistd.h>

#include <algorithm>
#include <array>

#include "framework/cli/checkpoints/find.h"
#include "framework/cli/checkpoints/origin.h"
#include "framework/cli/commands.h"
#include "framework/cli/launch/request.h"
#include "framework/cli/results/output.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/status_lines.h"
#include "framework/core/text.h"
#include "framework/launch/evaluate_child.h"

namespace attnlab::cli {
namespace {

Options evaluate_options() {
  Options options("evaluate", "CHECKPOINT [options] [overrides]",
                  "Scores a checkpoint: RUN@STEP, RUN@best, RUN (its newest) or a checkpoint's folder.");
  add_reading_options(options);
  options.value("split", "NAME", "valid, test or train (default: valid)")
      .value("data", "DIR", "folder searched first for data (then ATTNLAB_DATA, ~/.cache/attnlab)")
      .value("plugin", "PATH", "library or folder with attention plugins; may be repeated")
      .value("config-dir", "DIR", "folder with more config groups; may be repeated")
      .flag("quiet", "no progress")
      .notes("attnlab evaluate 3@best --split test\n"
             "attnlab evaluate 3 dataset.length=512 train.eval_sequences=0 train.batch_size=4\n"
             "attnlab evaluate runs/0123456789ab-1/checkpoints/step-000004300 device=cpu\n\n"
             "The config is the run's, with what is typed in its place. The answer is printed, not stored.");
  return options;
}

report::Table table_of(const std::vector<launch::Report>& metrics) {
  report::Table table;
  table.columns = {{.name = "metric", .align = report::Align::left}, {.name = "value"},
                   {.name = "unit", .align = report::Align::left}};
  for (const auto& metric : metrics) {
    table.rows.push_back({{.value = metric.text}, {.value = metric.loss}, {.value = metric.status}});
  }
  return table;
}

}  // namespace

int evaluate(Arguments arguments) {
  const auto parsed = evaluate_options().parse(arguments);
  if (!parsed) return kExitOk;
  const auto form = form_of(*parsed);
  if (parsed->words().empty()) {
    throw Error("expected a checkpoint: attnlab evaluate RUN@STEP. attnlab checkpoints RUN lists them.", kExitUsage);
  }
  constexpr std::array kSplits{"valid", "test", "train"};
  const auto split = parsed->text("split", "valid");
  if (std::ranges::find(kSplits, split) == kSplits.end()) {
    throw Error("--split: '" + split + "' is no split; expected valid, test or train", kExitUsage);
  }
  const auto path = find_checkpoint(parsed->words()[0], *parsed);
  auto request = read_launch_request(LaunchKind::fork, *parsed, arguments);
  begin_with(checkpoint::read_state(path), parsed->words()[0], request.overrides);
  cells::Sources sources(request);
  const auto cell = plan::make_run(sources.plan_request());
  launch::RunSpec spec{.plugin_path = sources.plugin_path(cell.resolved.config),
                       .data_dir = request.data_dir,
                       .config = cell.resolved.config,
                       .checkpoint = path.string(),
                       .split = split};
  StatusLines lines(STDERR_FILENO, 60, parsed->has("quiet") ? StatusLines::Kind::quiet : StatusLines::Kind::detect);
  const auto metrics = launch::evaluate_in_child(spec, [&](const launch::Report& report) {
    if (lines.due()) lines.show(grouped(report.step) + " of " + grouped(report.steps) + " sequences");
  });
  lines.clear();
  print(printed(table_of(metrics), form));
  return kExitOk;
}

}  // namespace attnlab::cli
