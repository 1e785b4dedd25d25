// bench.cpp: `attnlab bench attention|train`: timings as runs of kind `time`.
#include <unistd.h>

#include <algorithm>

#include "framework/cells/prepare.h"
#include "framework/cli/bench/cells.h"
#include "framework/cli/bench/tables.h"
#include "framework/cli/dispatch.h"
#include "framework/cli/launch/room.h"
#include "framework/cli/results/output.h"
#include "framework/core/build_info.h"
#include "framework/core/error.h"
#include "framework/core/limits.h"
#include "framework/core/output.h"
#include "framework/core/paths.h"
#include "framework/core/text_file.h"
#include "framework/launch/launcher.h"

namespace attnlab::cli {
namespace {

std::string failures(const BenchRuns& runs, const launch::LaunchResult& result) {
  std::string lines;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto& outcome = result.cells[i];
    if (outcome.status == Status::done && !outcome.before) continue;
    lines += runs[i].label + ": " + std::string(to_text(outcome));
    if (!outcome.reason.empty()) lines += ": " + outcome.reason;
    lines += "\n";
  }
  return lines;
}

// Which lengths were left out, and what was checked before the others were timed.
std::string fact_lines(const store::Reader& reader, const BenchRuns& runs) {
  std::string lines;
  for (const auto& run : runs) {
    for (const auto& row :
         reader
             .query("SELECT name || ': ' || text FROM facts WHERE run_id = ?1 AND (name LIKE "
                    "'left out T=%' OR name LIKE 'checked T=%') ORDER BY name DESC, text",
                    {run.id})
             .rows) {
      lines += run.label + ": " + store::text_of(row.at(0)) + "\n";
    }
  }
  return lines;
}

void print_for_people(BenchKind kind, const store::Reader& reader, const BenchRuns& runs,
                      const launch::LaunchResult& result, Form form, const std::string& title) {
  if (!title.empty()) print(title + "\n");
  for (const auto& run : runs) {
    const auto known = conditions(reader, run);
    if (known.empty()) continue;
    print(known + "\n");
    break;
  }
  for (const auto& table : {timings_table(kind, reader, runs), roofline_table(reader, runs),
                            goals_table(reader, runs)}) {
    if (!table.rows.empty()) print(printed(table, form) + "\n");
  }
  print(growth_lines(reader, runs) + fact_lines(reader, runs) + failures(runs, result));
}

int time_what(BenchKind kind, Arguments arguments) {
  const auto parsed = bench_options(kind).parse(arguments);
  if (!parsed) return kExitOk;
  const auto form = form_of(*parsed);
  std::vector<std::string> all{kind == BenchKind::train ? "train" : "attention"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  const auto request = read_bench_request(kind, *parsed, all);
  if (!build_info().instruments) throw Error(not_in_this_build("`bench`"));
  auto [cells, runs] = bench_cells(request);  // before the database: what is wrong leaves nothing
  store::Store results(request.launch.database.string());
  const auto shared = cells::common_environment(request.launch);
  std::int64_t threads = 1;
  for (auto& cell : cells) {
    auto environment = shared;
    if (cell.environment) {
      environment.insert(environment.end(), cell.environment->begin(), cell.environment->end());
    }
    cell.environment = std::make_shared<const store::Facts>(std::move(environment));
    threads = std::max(threads, std::get<std::int64_t>(cell.spec.config.find("threads")->value()));
  }
  const auto available = processors();
  if (const auto warning = crowding(1, threads, available); !warning.empty()) {
    notice("attnlab: warning: " + warning + "\n");
  } else if (!available.why.empty()) {
    notice("attnlab: this process may use " + available.text() + "\n");
  }
  const auto progress = launch::make_progress(
      STDERR_FILENO, request.launch.quiet ? StatusLines::Kind::quiet : StatusLines::Kind::detect);
  const launch::LaunchOptions options{.worker = paths::worker(),
                                      .runs_dir = request.launch.database.parent_path(),
                                      .silence_limit = request.launch.silence_limit,
                                      .gpus = gpus_for(std::ranges::any_of(cells, [](const launch::Cell& cell) { return cell.gpus > 0; }), request.launch)};
  const auto result = launch::Launcher(results, cells, options, *progress).run();
  for (std::size_t i = 0; i < runs.size(); ++i) runs[i].id = result.cells[i].run_id;

  const store::Reader reader(request.launch.database.string());
  if (form == Form::text || form == Form::markdown) {
    print_for_people(kind, reader, runs, result, form, request.title);
  } else {
    print(printed(timings_table(kind, reader, runs), form));
    notice(failures(runs, result));
  }
  if (!request.plot.empty()) write_text(request.plot, to_svg(ratio_plot(reader, runs, request.title)));
  return result.exit_code();
}

int time_attention(Arguments arguments) { return time_what(BenchKind::attention, arguments); }
int time_training(Arguments arguments) { return time_what(BenchKind::train, arguments); }

constexpr Action kBenchActions[]{
    {"attention", time_attention, "forward and backward of attention variants against LibTorch's"},
    {"train", time_training, "training steps of a model under two attentions"}};

}  // namespace

int bench(Arguments arguments) { return dispatch({"attnlab bench", "KIND", kBenchActions}, arguments); }

}  // namespace attnlab::cli
