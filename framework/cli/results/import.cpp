// import.cpp: `attnlab import`: what `attnlab export --bundle` has packed, into a database.
#include "framework/bundle/bundle.h"
#include "framework/cli/commands.h"
#include "framework/cli/options.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/text.h"
#include "framework/store/store.h"

namespace attnlab::cli {
namespace {

Options import_options() {
  Options options("import", "FILE [--db FILE]",
                  "Takes the runs of a bundle into a database, made where it is missing, and their files into folders beside it.");
  options.database()
      .notes("Everything in the bundle is compared with its digests before anything changes. Runs that are here\n"
             "already stay as they are, so doing it twice is doing it once, and a second bundle of the same study\n"
             "brings what came since. Afterwards show, checkpoints, evaluate, fork and a grid that goes on find\n"
             "them as if they had been run here. A cell that is done on both sides is named and not taken in: exit code 1.");
  return options;
}

}  // namespace

int import_file(Arguments arguments) {
  const auto parsed = import_options().parse(arguments);
  if (!parsed) return kExitOk;
  if (parsed->words().size() != 1 || parsed->words()[0].empty()) {
    throw Error("expected one bundle: attnlab import FILE. attnlab export --bundle FILE makes one.", kExitUsage);
  }
  const auto database = store::database_path(parsed->database());
  const auto told = bundle::import_bundle(parsed->words()[0], database);
  const auto& merged = told.merged;
  for (const auto& each : merged.conflicts) notice("not taken in: " + each + "\n");
  print(database + ": runs added: " + grouped(merged.added) + ", updated: " + grouped(merged.updated) +
        ", here before: " + grouped(merged.unchanged) + "; logs: " + grouped(told.logs) + ", checkpoints: " +
        grouped(told.checkpoints) + "; they come from " + told.from + "\n");
  return merged.conflicts.empty() ? kExitOk : kExitError;
}

}  // namespace attnlab::cli
