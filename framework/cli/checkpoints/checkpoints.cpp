// checkpoints.cpp: `attnlab checkpoints RUN`: what a run has saved of itself.
#include <chrono>
#include <fmt/chrono.h>

#include "framework/cli/checkpoints/find.h"
#include "framework/cli/commands.h"
#include "framework/cli/results/choose.h"
#include "framework/cli/results/output.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/store/store.h"

namespace attnlab::cli {
namespace {

namespace fs = std::filesystem;

std::int64_t bytes_of(const fs::path& folder) {
  std::int64_t bytes = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const auto size = entry.file_size(ignored);
    if (!ignored) bytes += static_cast<std::int64_t>(size);
  }
  return bytes;
}

std::string written(const fs::path& folder) {
  std::error_code problem;
  const auto time = fs::last_write_time(folder / checkpoint::kState, problem);
  if (problem) return "";
  const auto seconds = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::file_clock::to_sys(time));
  return fmt::format("{:%F %T}", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)));
}

report::Cell number(std::optional<double> value) {
  report::Cell cell;
  if (value) cell.value = *value;
  return cell;
}

report::Table table_of(const std::vector<StoredCheckpoint>& all, bool verify) {
  report::Table table;
  table.columns = {{.name = "run"}, {.name = "attempt"}, {.name = "step"}, {.name = "steps"}, {.name = "val_loss"},
                   {.name = "bytes", .format = report::Format::bytes}, {.name = "written", .align = report::Align::left},
                   {.name = "whole", .align = report::Align::left}, {.name = "path", .align = report::Align::left}};
  for (const auto& [run, attempt, found] : all) {
    checkpoint::State state;
    std::string whole = verify ? "yes" : "not read";
    try {
      state = verify ? checkpoint::read_whole(found.path) : checkpoint::read_state(found.path);
    } catch (const Error& error) {
      const std::string why = error.what();
      whole = "no: " + why.substr(std::min(why.size(), why.find("not whole: ") + 11));
    }
    table.rows.push_back({{.value = run}, {.value = attempt}, {.value = found.step}, {.value = state.steps},
                          number(state.validation), {.value = bytes_of(found.path)}, {.value = written(found.path)},
                          {.value = whole}, {.value = found.path.string()}});
  }
  return table;
}

}  // namespace

int checkpoints(Arguments arguments) {
  Options options("checkpoints", "RUN [options]",
                  "The checkpoints of a run, of all its attempts. RUN: its number, or the first digits of its "
                  "fingerprint.");
  add_reading_options(options);
  options.flag("verify", "read all of each and compare with its digests")
      .notes("attnlab run ... train.checkpoint_every=500 train.keep=3   says how often, and how many stay\n"
             "attnlab evaluate RUN@STEP and attnlab fork RUN@STEP       use one\n"
             "Python: safetensors.torch.load_file(\".../model.safetensors\")");
  const auto parsed = options.parse(arguments);
  if (!parsed) return kExitOk;
  if (parsed->words().size() != 1) {
    throw Error("expected one run: attnlab checkpoints RUN. attnlab runs lists them.", kExitUsage);
  }
  const auto reader = open_reader(*parsed);
  const auto run = find_run(reader, parsed->words()[0]);
  const auto database = store::database_path(parsed->database());
  const auto all = checkpoints_of(reader, database, run);
  const auto none = "run " + std::to_string(run) + " has no checkpoints: ";
  if (all.empty() && folder_is_gone(reader, database, run)) throw Error(none + why_missing(reader, database, run));
  if (all.empty() && form_of(*parsed) == Form::text) {
    print(none + why_missing(reader, database, run) + "\n");
    return kExitOk;
  }
  print(printed(table_of(all, parsed->has("verify")), form_of(*parsed)));
  return kExitOk;
}

}  // namespace attnlab::cli
