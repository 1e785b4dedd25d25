// export.cpp: `attnlab export`: what is in the store as files that other tools read.
#include <array>

#include "framework/cli/commands.h"
#include "framework/cli/results/exports.h"
#include "framework/cli/results/output.h"
#include "framework/core/error.h"
#include "framework/report/study.h"

namespace attnlab::cli {
namespace {

constexpr std::array kForms{"csv", "jsonl", "tensorboard"};

Options export_options() {
  Options options("export", "--csv FOLDER | --jsonl FOLDER | --tensorboard FOLDER [--study NAME]",
                  "The results as files: a table each, or what TensorBoard shows.");
  options.value("db", "FILE", "results database (default: ATTNLAB_DB, else runs/attnlab.db)")
      .value("csv", "FOLDER", "runs, configs, facts, environments, timings and curves as CSV with a header line")
      .value("jsonl", "FOLDER", "the same as one JSON object a line")
      .value("tensorboard", "FOLDER", "a folder with an event file for each run: tensorboard --logdir FOLDER")
      .value("study", "NAME", "runs of this study (default: all)")
      .notes("Folders are made where they are missing. Doing it again brings the files up to date. Runs may go on meanwhile.");
  return options;
}

/// The one form that was asked for.
std::string form_to_write(const ParsedOptions& parsed) {
  std::string form;
  for (const char* each : kForms) {
    if (!parsed.has(each)) continue;
    if (!form.empty()) throw Error("expected one of --" + form + " and --" + each + ", not both", kExitUsage);
    form = each;
  }
  if (!form.empty()) return form;
  throw Error("expected --csv FOLDER, --jsonl FOLDER or --tensorboard FOLDER: where it goes", kExitUsage);
}

}  // namespace

int export_files(Arguments arguments) {
  const auto parsed = export_options().parse(arguments);
  if (!parsed) return kExitOk;
  if (!parsed->words().empty()) {
    throw Error("unexpected word '" + parsed->words()[0] + "'; name a study with --study NAME", kExitUsage);
  }
  const auto form = form_to_write(*parsed);
  const auto to = parsed->text(form, "");
  if (to.empty()) throw Error("expected a name behind --" + form + ", found none", kExitUsage);
  auto reader = open_reader(*parsed);
  reader.set_timeout(0);  // however many numbers there are
  store::Value study;
  if (const auto name = parsed->text("study")) {
    report::require_study(reader, *name);
    study = *name;
  }
  if (form == "tensorboard") {
    export_tensorboard(reader, study, to);
  } else {
    export_tables(reader, study, to, form == "csv");
  }
  return kExitOk;
}

}  // namespace attnlab::cli
