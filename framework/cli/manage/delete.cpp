// delete.cpp: `attnlab delete`: runs, their numbers, and the folders that they left.
#include <fmt/format.h>
#include <unistd.h>

#include <iostream>

#include "framework/cli/commands.h"
#include "framework/cli/manage/named.h"
#include "framework/cli/results/choose.h"
#include "framework/cli/results/output.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/text.h"
#include "framework/store/manage.h"

namespace attnlab::cli {
namespace {

struct Sum {
  std::int64_t runs = 0, taken_out = 0, refused = 0, rows = 0, folders = 0;
  double bytes = 0;

  void add(const store::Removal& removal) {
    refused += !removal.refusal.empty();
    taken_out += removal.other_study;
    runs += removal.refusal.empty() && !removal.other_study;
    rows += removal.rows;
    folders += static_cast<std::int64_t>(removal.folders.size());
    bytes += static_cast<double>(removal.bytes);
  }
  [[nodiscard]] std::string text() const {
    std::string text = fmt::format("{}, {}, {} with {}", counted(runs, "run"), counted(rows, "row"), counted(folders, "folder"),
                                   human_bytes(bytes));
    if (taken_out > 0) text += "; out of this study, but in another: " + counted(taken_out, "run");
    if (refused > 0) text += "; refused: " + counted(refused, "run");
    return text;
  }
};

std::string line_of(const NamedRun& run, const store::Removal& removal) {
  if (!removal.refusal.empty()) return run.label + ": not deleted: " + removal.refusal + "\n";
  if (removal.other_study) return run.label + ": stays, in another study\n";
  std::string text = run.label;
  for (const auto& folder : removal.folders) text += " " + folder.string();
  return text + (removal.folders.empty() ? "" : " (" + human_bytes(static_cast<double>(removal.bytes)) + ")") + "\n";
}

// What would be, told line by line; a long list is cut.
Sum foretell(store::Housekeeping& house, const std::vector<NamedRun>& runs, const std::string& study, bool keep_files) {
  constexpr std::size_t kMostLines = 30;
  Sum sum;
  const auto removals = house.remove(numbers_of(runs), study, keep_files, true);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    sum.add(removals[i]);
    if (i < kMostLines) print(line_of(runs[i], removals[i]));
  }
  if (runs.size() > kMostLines) print(fmt::format("and {} more\n", runs.size() - kMostLines));
  return sum;
}

bool confirmed(const Sum& sum) {
  if (::isatty(STDIN_FILENO) == 0) {
    throw Error("nothing was deleted: that needs a yes, and there is nobody to ask. Add --yes, or --dry-run to look.", kExitUsage);
  }
  print("Delete " + sum.text() + "? [y/N] ");
  flush_output();
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace

int delete_runs(Arguments arguments) {
  Options options("delete", "RUN... | --study NAME ... [options]",
                  "Deletes runs: their rows in the database and the folders that they left, with logs and checkpoints.");
  options.database();
  add_choosing_options(options);
  options.flag("keep-files", "leave the folders where they are")
      .flag("dry-run", "say what would be deleted; delete nothing")
      .flag("yes", "do not ask")
      .notes("RUN: a run's number, or the first digits of a fingerprint, where it means the newest attempt.\n"
             "A run that is running, or whose cell is, is never deleted: exit code 1. With --study, a run that another\n"
             "study has as well only leaves this one. Files of runs that came by attnlab merge are their own database's.\n\n"
             "attnlab delete --study tries --status failed,interrupted --dry-run");
  const auto parsed = options.parse(arguments);
  if (!parsed) return kExitOk;
  const auto runs = named_runs(*parsed, open_reader(*parsed), "delete");
  const auto study = parsed->text("study", "");
  const bool keep_files = parsed->has("keep-files");
  store::Housekeeping house(parsed->database());
  const auto sum = foretell(house, runs, study, keep_files);
  if (parsed->has("dry-run") || sum.runs + sum.taken_out == 0) {
    print((parsed->has("dry-run") ? "--dry-run: nothing was deleted. It would be " : "nothing to delete: ") + sum.text() + "\n");
    return sum.refused > 0 ? kExitError : kExitOk;
  }
  if (!parsed->has("yes") && !confirmed(sum)) {
    print("nothing was deleted\n");
    return kExitError;
  }
  Sum deleted;
  for (const auto& removal : house.remove(numbers_of(runs), study, keep_files, false)) deleted.add(removal);
  print(fmt::format("deleted: {}\n{} in the database are free for new runs\n", deleted.text(),
                    human_bytes(static_cast<double>(house.free_bytes()))));
  return deleted.refused > 0 ? kExitError : kExitOk;
}

}  // namespace attnlab::cli
