// evaluate.cpp: `attnlab evaluate CHECKPOINT [overrides]`: its score on any split, length or data set.
#include <fmt/format.h>

#include "framework/cli/checkpoints/find.h"
#include "framework/cli/checkpoints/origin.h"
#include "framework/cli/commands.h"
#include "framework/cli/launch/request.h"
#include "framework/cli/results/output.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/text.h"

namespace attnlab::cli {
namespace {

Options evaluate_options() {
  Options options("evaluate", "CHECKPOINT [options] [overrides]",
                  "Scores a checkpoint: RUN@STEP, RUN@best, RUN (its newest) or a checkpoint's folder.");
  add_reading_options(options);
  add_source_options(options);
  options.value("split", "NAME", "valid, test or train (default: valid)")
      .flag("quiet", "no progress")
      .notes("attnlab evaluate 3@best --split test\n"
             "attnlab evaluate 3 dataset.length=512 train.eval_sequences=0 train.batch_size=4\n"
             "attnlab evaluate runs/0123456789ab-1/checkpoints/step-000004300 device=cpu\n\n"
             "The config is the run's, with what is typed in its place. The answer is printed. A test score that\n"
             "the run itself would have stored with train.score_test (its config, data, code and device) is stored\n"
             "with the run as test/...; anything else is not stored.");
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

/// The run whose weights the checkpoint has: of its attempts the one that is done, else its own.
std::int64_t run_of(const store::Reader& reader, const checkpoint::State& state) {
  const auto rows = reader.query("SELECT id FROM run_attempts WHERE fingerprint = ?1 AND (status = 'done' OR attempt = ?2) "
                                 "ORDER BY status = 'done' DESC LIMIT 1", {state.fingerprint, state.attempt}).rows;
  return rows.empty() ? 0 : store::whole_of(rows[0][0]);
}

/// A number stands with a run only if the run would have got it itself.
void store_test_score(const LaunchRequest& request, cells::Sources& sources, const plan::Cell& cell,
                      const std::filesystem::path& path, const std::vector<launch::Report>& metrics) {
  const auto state = checkpoint::read_state(path);
  if (!std::filesystem::exists(request.database)) return;
  if (!is_run_of(state, cell, sources, request)) {
    notice("not stored: config, data, code or device are not the run's\n");
    return;
  }
  const store::Reader reader(request.database.string());
  const auto run = run_of(reader, state);
  if (run == 0) {
    notice("not stored: the database does not have the run\n");
    return;
  }
  MetricEvent event{state.step, state.tokens, state.timed_seconds, {}};
  for (const auto& metric : metrics) {
    if (metric.text.starts_with("test/")) event.metrics.push_back({{metric.text, metric.status, Goal::minimise}, metric.loss});
  }
  const auto others = reader.query("SELECT DISTINCT step FROM metrics JOIN metric_keys ON id = key_id WHERE run_id = ?1 AND "
                                   "name = 'test/loss' AND step <> ?2", {run, state.step}).rows;
  store::Store(request.database.string()).add_afterwards(run, event);
  notice(fmt::format("stored with run {} at step {}\n", run, state.step));
  if (others.empty()) return;
  notice(fmt::format("attnlab: warning: run {} has a test score at step {} too; who chooses a step by it has no test left\n",
                     run, report::exact(others[0][0])));
}

/// RUN alone means the run, whose end may never have been saved, or not yet; a step or a folder means what it says.
bool is_of_the_end(const std::string& word, const checkpoint::State& state) {
  return word.find_first_of("@/") != word.npos || state.step == state.steps;
}

}  // namespace

int evaluate(Arguments arguments) {
  const auto parsed = evaluate_options().parse(arguments);
  if (!parsed) return kExitOk;
  const auto form = form_of(*parsed);
  if (parsed->words().empty()) {
    throw Error("expected a checkpoint: attnlab evaluate RUN@STEP. attnlab checkpoints RUN lists them.", kExitUsage);
  }
  const auto split = parsed->choice("split", {"valid", "test", "train"});
  const auto path = find_checkpoint(parsed->words()[0], *parsed);
  auto request = read_launch_request(LaunchKind::fork, *parsed, arguments);
  const auto state = checkpoint::read_state(path);
  begin_with(state, parsed->words()[0], request.overrides);
  cells::Sources sources(request);
  const auto cell = plan::make_run(sources.plan_request());
  launch::RunSpec spec{.plugin_path = sources.plugin_path(cell.resolved.config),
                       .data_dir = request.data_dir,
                       .config = cell.resolved.config,
                       .checkpoint = path.string(),
                       .split = split};
  const auto metrics = evaluated(spec, parsed->has("quiet"), "sequences");
  print(printed(table_of(metrics), form));
  if (const auto& data = sources.data(*cell.resolved.config.find("dataset")); data.digest != state.data_digest) {
    notice("attnlab: warning: the data are others than the checkpoint was trained on: " + data.source + "\n");
  }
  if (is_of_the_end(parsed->words()[0], state)) {
    if (split == "test") store_test_score(request, sources, cell, path, metrics);
    return kExitOk;
  }
  notice(fmt::format("attnlab: warning: these are the weights of step {} of {}, the newest there are.{}\n", state.step, state.steps,
                     split == "test" ? fmt::format(" Not stored: name the step, {}@{}, where its score shall stand with the run.",
                                                   parsed->words()[0], state.step)
                                     : ""));
  return kExitOk;
}

}  // namespace attnlab::cli
