// merge.cpp: `attnlab merge INTO FROM...`: the runs of several databases in one.
#include "framework/store/merge.h"

#include <fmt/format.h>

#include <filesystem>

#include "framework/cli/commands.h"
#include "framework/cli/manage/named.h"
#include "framework/cli/options.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/text.h"
#include "framework/store/store.h"

namespace attnlab::cli {
namespace {

std::string listed(const std::vector<std::string>& lines, const std::string& title) {
  constexpr std::size_t kMost = 20;
  if (lines.empty()) return "";
  std::string text = fmt::format("  {} {}:\n", lines.size(), title);
  for (std::size_t i = 0; i < std::min(kMost, lines.size()); ++i) text += "    " + lines[i] + "\n";
  if (lines.size() > kMost) text += fmt::format("    and {} more\n", lines.size() - kMost);
  return text;
}

std::string told(const std::string& from, const store::Merged& merged) {
  return fmt::format("{}: {} added, {} brought up to date, {} there already; {}\n", from, counted(merged.added, "run"),
                     grouped(merged.updated), grouped(merged.unchanged), counted(merged.numbers, "number")) +
         listed(merged.conflicts, "not taken in") +
         listed(merged.unreachable, "files of runs are not where they were left");
}

}  // namespace

int merge(Arguments arguments) {
  Options options("merge", "INTO FROM... [--dry-run]",
                  "Takes the runs of other databases into INTO, with their metrics, facts, tags and studies. What was\n"
                  "taken in before is found again: twice the same is once, and a database that grows can be merged again.");
  options.flag("dry-run", "say what would come of it; INTO stays as it is (done on a copy, which needs its room)")
      .notes("Each FROM is only read; runs may be going on in it and in INTO, and it may be of an older version.\n"
             "Logs and checkpoints stay where they are, and INTO holds their whole paths.\n"
             "A cell that is done in both under different attempts is named and not taken in: exit code 1. Where losses\n"
             "and batches are equal, the run of INTO joins its studies; else attnlab delete takes one of the two away.\n"
             "Runs that were deleted in INTO come back with the next merge of a FROM that has them.\n\n"
             "attnlab merge runs/attnlab.db node1/runs/attnlab.db node2/runs/attnlab.db");
  const auto parsed = options.parse(arguments);
  if (!parsed) return kExitOk;
  const auto& words = parsed->words();
  if (words.size() < 2) {
    throw Error("expected a database to merge into and at least one to merge: attnlab merge INTO FROM...", kExitUsage);
  }
  // Before anything is written: a name that is wrong is likely one of a list.
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (!std::filesystem::exists(store::database_path(words[i]))) {
      throw Error("there is no results database at '" + words[i] + "'; nothing was merged");
    }
  }
  const bool dry_run = parsed->has("dry-run");
  store::Merger merger(words[0], dry_run);
  bool all = true;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const auto merged = merger.take(words[i]);
    all &= merged.conflicts.empty();
    print(told(words[i], merged));
  }
  if (dry_run) print("--dry-run: " + words[0] + " is as it was\n");
  return all ? kExitOk : kExitError;
}

}  // namespace attnlab::cli
