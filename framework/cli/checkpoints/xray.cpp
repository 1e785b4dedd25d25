// xray.cpp: `attnlab xray RUN`: what its attention keeps of exact softmax, layer by layer, head by head.

#include <filesystem>

#include "framework/cli/checkpoints/find.h"
#include "framework/cli/checkpoints/origin.h"
#include "framework/cli/commands.h"
#include "framework/cli/launch/request.h"
#include "framework/cli/results/output.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/output.h"
#include "framework/core/text.h"
#include "framework/core/text_file.h"
#include "framework/report/xray.h"
#include "framework/store/store.h"

namespace attnlab::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostQueries = 100'000, kMostSequences = 100'000;

constexpr char kXrayNotes[] = R"(examples
  attnlab xray 3                                       the newest checkpoint of run 3
  attnlab xray 3@best --queries 256 --out figures      more queries; heat maps and curves as SVG
  attnlab xray attention=hash_sparse dataset=enwik8    initial weights of a config

The exact weights are softmax(q k / sqrt D) over all earlier keys of the query and key tensors that the
attention was given. Weights of the attention are read from outside, by unit vectors. What each column
means: framework/xray/README.md. The numbers are stored with the run as xray/NAME, xray/NAME/layer_1 and
xray/NAME/layer_1/head_0, at the checkpoint's step, if config, data, code and device are the run's own and
the split is valid.
train.xray_every=N does it in training.)";

Options xray_options() {
  Options options("xray", "RUN[@STEP] | CHECKPOINT | overrides  [options]",
                  "What the attention keeps of exact softmax: weight, largest keys, output, by layer and head.");
  add_reading_options(options);
  add_source_options(options);
  options.value("length", "T", "tokens of a sequence; short for dataset.length=T (default: the run's)")
      .value("queries", "N", "sampled queries of a sequence (default: 64)")
      .value("sequences", "N", "sequences, spread evenly over the split (default: 4)")
      .value("split", "NAME", "valid, test or train (default: valid)")
      .flag("heads", "a row per head")
      .value("out", "FOLDER", "heat maps and curves as SVG files")
      .flag("quiet", "no progress")
      .notes(kXrayNotes);
  return options;
}

/// Where the numbers belong: the attempt that wrote the checkpoint, 0 where the database has none.
std::int64_t run_of(const checkpoint::State& state, const fs::path& database, const ParsedOptions& parsed) {
  if (!is_there(database)) return 0;  // a checkpoint's folder needs none
  const auto found = open_reader(parsed).query("SELECT id FROM run_attempts WHERE fingerprint = ?1 AND attempt = ?2",
                                               {state.fingerprint, state.attempt});
  return found.rows.empty() ? 0 : store::whole_of(found.rows[0][0]);
}

/// Returns what was done, in words.
std::string stored(const checkpoint::State& state, const plan::Cell& cell, cells::Sources& sources,
                   const LaunchRequest& request, const ParsedOptions& parsed, const std::vector<launch::Report>& metrics) {
  const auto run = run_of(state, request.database, parsed);
  if (run == 0) return "not stored: the database has no run that wrote this checkpoint";
  if (!is_run_of(state, cell, sources, request)) return "not stored: data, code or device are not the run's";
  MetricEvent event{.step = state.step, .tokens_seen = state.tokens, .train_seconds = state.timed_seconds, .metrics = {}};
  for (const auto& metric : metrics) event.metrics.push_back({{metric.text, metric.status, Goal::none}, metric.loss});
  store::Store(request.database.string()).add_afterwards(run, event);
  return "stored with run " + std::to_string(run) + " at step " + grouped(state.step);
}

void write_figures(const fs::path& folder, const report::Xray& xray, const std::string& title) {
  make_folder(folder);
  for (const auto& figure : report::xray_figures(xray, title)) write_text(folder / (figure.name + ".svg"), figure.svg);
}

std::string answer_of(const report::Xray& xray, Form form, bool by_heads) {
  if (form == Form::json || form == Form::csv) return printed(report::xray_numbers(xray), form);
  auto text = printed(report::xray_table(xray, by_heads), form);
  const auto reported = report::xray_reported(xray);
  if (!reported.columns.empty()) text += "\nreported by the plugin\n\n" + printed(reported, form);
  return text;
}

std::string name_of(const config::Node& config) {
  const auto* name = config.find_path("attention.name");
  return name == nullptr ? "" : name->plain_text();
}

}  // namespace

int xray(Arguments arguments) {
  const auto parsed = xray_options().parse(arguments);
  if (!parsed) return kExitOk;
  const auto form = form_of(*parsed);
  if (parsed->words().empty()) {
    throw Error("expected a run, a checkpoint or overrides: attnlab xray RUN, attnlab xray attention=NAME.", kExitUsage);
  }
  const auto split = parsed->choice("split", {"valid", "test", "train"});
  const auto word = parsed->words()[0];
  const bool of_config = word.find('=') != word.npos && !is_folder(word);
  auto request = read_launch_request(LaunchKind::fork, *parsed, arguments);
  const auto length = parsed->integer("length", 0, 1);
  if (length > 0) request.overrides.push_back("dataset.length=" + std::to_string(length));
  const bool own_config = request.overrides.size() == 1;  // the word alone
  launch::RunSpec spec{.data_dir = request.data_dir,
                       .split = split,
                       .xray_queries = parsed->integer("queries", 64, 1, kMostQueries),
                       .xray_sequences = parsed->integer("sequences", 4, 1, kMostSequences)};
  std::optional<checkpoint::State> state;
  if (!of_config) {
    spec.checkpoint = find_checkpoint(word, *parsed).string();
    state = checkpoint::read_state(spec.checkpoint);
    begin_with(*state, word, request.overrides);
  }
  cells::Sources sources(request);
  const auto cell = plan::make_run(sources.plan_request());
  spec.config = cell.resolved.config;
  spec.plugin_path = sources.plugin_path(spec.config);
  const auto metrics = evaluated(spec, parsed->has("quiet"), "layers");
  report::Xray xray;
  for (const auto& metric : metrics) xray.add(metric.text, metric.status, metric.loss);
  print(answer_of(xray, form, parsed->has("heads")));
  const auto whose = of_config ? "initial weights" : word.find('/') == word.npos ? "run " + word : fs::path(word).filename().string();
  const auto title = name_of(spec.config) + ", " + whose + ", T = " + exact_number(xray.value("length"));
  if (const auto out = parsed->text("out")) write_figures(*out, xray, title);
  const auto what = of_config                            ? "not stored: no run has these weights"
                    : !own_config || split != "valid" ? "not stored: config or split are not the run's own"
                                                        : stored(*state, cell, sources, request, *parsed, metrics);
  notice(what + "\n");
  return kExitOk;
}

}  // namespace attnlab::cli
