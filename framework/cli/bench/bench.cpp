// bench.cpp: `attnlab bench attention|train`: timings as runs of kind `time`.
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iostream>

#include "framework/cli/bench/cells.h"
#include "framework/cli/bench/tables.h"
#include "framework/cli/commands.h"
#include "framework/cli/launch/cells.h"
#include "framework/cli/results/output.h"
#include "framework/core/error.h"
#include "framework/core/limits.h"
#include "framework/core/paths.h"
#include "framework/core/text.h"
#include "framework/launch/launcher.h"

namespace attnlab::cli {
namespace {

std::string failures(const std::vector<BenchRun>& runs, const launch::LaunchResult& result) {
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
std::string fact_lines(const store::Reader& reader, const std::vector<BenchRun>& runs) {
  std::string lines;
  for (const auto& run : runs) {
    for (const auto& row : reader
             .query("SELECT name || ': ' || text FROM facts WHERE run_id = ?1 AND (name LIKE "
                    "'left out T=%' OR name LIKE 'checked T=%') ORDER BY name DESC, text",
                    {run.id})
             .rows) {
      lines += run.label + ": " + std::get<std::string>(row.at(0)) + "\n";
    }
  }
  return lines;
}

void print_for_people(BenchKind kind, const store::Reader& reader,
                      const std::vector<BenchRun>& runs, const launch::LaunchResult& result,
                      Form form, const std::string& title) {
  if (!title.empty()) std::cout << title << "\n";
  for (const auto& run : runs) {
    const auto known = conditions(reader, run);
    if (known.empty()) continue;
    std::cout << known << "\n";
    break;
  }
  const auto table = timings_table(kind, reader, runs);
  if (!table.rows.empty()) std::cout << printed(table, form) << "\n";
  const auto bounds = roofline_table(reader, runs);
  if (!bounds.rows.empty()) std::cout << printed(bounds, form) << "\n";
  const auto goals = goals_table(reader, runs);
  if (!goals.rows.empty()) std::cout << printed(goals, form) << "\n";
  std::cout << growth_lines(reader, runs) << fact_lines(reader, runs) << failures(runs, result);
}

void write_plot(const report::Plot& plot, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  file << report::to_svg(plot);
  file.close();
  if (!file) throw Error("cannot write the figure '" + path + "'");
}

int time_what(BenchKind kind, Arguments arguments, Arguments all) {
  const auto parsed = bench_options(kind).parse(arguments);
  if (!parsed) return kExitOk;
  const auto form = form_of(*parsed);
  const auto request = read_bench_request(kind, *parsed, all);
  auto [cells, runs] = bench_cells(request);  // before the database: what is wrong leaves nothing
  store::Store results(request.launch.database.string());
  const auto shared = common_environment(request.launch);
  std::int64_t threads = 1;
  for (auto& cell : cells) {
    cell.environment.insert(cell.environment.begin(), shared.begin(), shared.end());
    threads = std::max(threads, std::get<std::int64_t>(cell.spec.config.find("threads")->value()));
  }
  const auto available = processors();
  if (const auto warning = crowding(1, threads, available); !warning.empty()) {
    std::cerr << "attnlab: warning: " << warning << "\n";
  } else if (!available.why.empty()) {
    std::cerr << "attnlab: this process may use " << available.text() << "\n";
  }
  const auto progress = launch::make_progress(STDERR_FILENO, request.launch.quiet);
  const launch::LaunchOptions options{.worker = paths::worker(),
                                      .runs_dir = request.launch.database.parent_path(),
                                      .silence_limit = request.launch.silence_limit};
  const auto result = launch::Launcher(results, cells, options, *progress).run();
  for (std::size_t i = 0; i < runs.size(); ++i) runs[i].id = result.cells[i].run_id;

  const store::Reader reader(request.launch.database.string());
  if (form == Form::text || form == Form::markdown) {
    print_for_people(kind, reader, runs, result, form, request.title);
  } else {
    std::cout << printed(timings_table(kind, reader, runs), form);
    std::cerr << failures(runs, result);
  }
  if (!request.plot.empty()) write_plot(ratio_plot(reader, runs, request.title), request.plot);
  return result.exit_code();
}

}  // namespace

int bench(Arguments arguments) {
  const std::vector<std::string> known{"attention", "train"};
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h") {
    std::cout << "usage: attnlab bench attention|train [options] [overrides]\n\n"
                 "  attention  forward and backward of attention variants against LibTorch's\n"
                 "  train      training steps of a model under two attentions\n\n"
                 "attnlab bench attention --help tells the rest.\n";
    return arguments.empty() ? kExitUsage : kExitOk;
  }
  if (arguments[0] == "attention") {
    return time_what(BenchKind::attention, arguments.subspan(1), arguments);
  }
  if (arguments[0] == "train") {
    return time_what(BenchKind::train, arguments.subspan(1), arguments);
  }
  throw Error("there is no benchmark '" + arguments[0] + "'." + did_you_mean(arguments[0], known),
              kExitUsage);
}

}  // namespace attnlab::cli
