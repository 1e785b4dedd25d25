// rename.cpp: `attnlab rename --study OLD NEW`.
#include <fmt/format.h>

#include "framework/cli/commands.h"
#include "framework/cli/manage/named.h"
#include "framework/cli/results/output.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/store/manage.h"

namespace attnlab::cli {

int rename(Arguments arguments) {
  Options options("rename", "--study OLD NEW [options]", "Gives a study another name. No run is repeated for it.");
  options.database()
      .value("study", "OLD", "the study")
      .flag("dry-run", "say what would be renamed; change nothing")
      .notes("A grid that is running under the old name goes on to add to a study of that name.");
  const auto parsed = options.parse(arguments);
  if (!parsed) return kExitOk;
  const auto old = parsed->text("study");
  if (!old || parsed->words().size() != 1) {
    throw Error("expected a study and its new name: attnlab rename --study OLD NEW", kExitUsage);
  }
  static_cast<void>(open_reader(*parsed));  // there must be a database
  const auto& name = parsed->words()[0];
  store::Housekeeping house(parsed->database());
  const auto runs = house.rename_study(*old, name, parsed->has("dry-run"));
  print(fmt::format("{}study '{}' is '{}' now: {}\n", parsed->has("dry-run") ? "--dry-run: nothing was changed; else: " : "",
                    *old, name, counted(runs, "run")));
  return kExitOk;
}

}  // namespace attnlab::cli
