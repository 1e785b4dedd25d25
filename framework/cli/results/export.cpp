// export.cpp: `attnlab export`: what is in the store as files that other tools read.
#include <array>

#include "framework/cli/commands.h"
#include "framework/cli/results/exports.h"
#include "framework/cli/results/output.h"
#include "framework/core/error.h"
#include "framework/report/study.h"
#include "framework/store/store.h"

namespace attnlab::cli {
namespace {

constexpr std::array kForms{"csv", "jsonl", "tensorboard", "bundle"};

Options export_options() {
  Options options("export", "--csv FOLDER | --jsonl FOLDER | --tensorboard FOLDER | --bundle FILE [--study NAME]",
                  "The results as files: a table each, what TensorBoard shows, or all in one to take along.");
  options.database()
      .no_words("; name a study with --study NAME")
      .value("csv", "FOLDER", "runs, configs, facts, environments, timings and curves as CSV with a header line")
      .value("jsonl", "FOLDER", "the same as one JSON object a line")
      .value("tensorboard", "FOLDER", "a folder with an event file for each run: tensorboard --logdir FOLDER")
      .value("bundle", "FILE", "database, configs, logs, checkpoints and report as one .tar.zst; attnlab import takes it in")
      .value("checkpoints", "WHICH", "of a bundle: none, best (of each attempt, default) or all")
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
  throw Error("expected --csv FOLDER, --jsonl FOLDER, --tensorboard FOLDER or --bundle FILE: where it goes", kExitUsage);
}

bundle::Checkpoints checkpoints_of(const ParsedOptions& parsed) {
  using enum bundle::Checkpoints;
  const auto word = parsed.choice("checkpoints", {"best", "none", "all"});
  return word == "best" ? best : word == "none" ? none : all;
}

}  // namespace

int export_files(Arguments arguments) {
  const auto parsed = export_options().parse(arguments);
  if (!parsed) return kExitOk;
  const auto form = form_to_write(*parsed);
  const auto to = parsed->text(form, "");
  if (to.empty()) throw Error("expected a name behind --" + form + ", found none", kExitUsage);
  if (parsed->has("checkpoints") && form != "bundle") throw Error("--checkpoints is of --bundle FILE", kExitUsage);
  auto reader = open_reader(*parsed);
  reader.set_timeout(0);  // however many numbers there are
  store::Value study;
  if (const auto name = parsed->text("study")) {
    report::require_study(reader, *name);
    study = *name;
  }
  if (form == "tensorboard") {
    export_tensorboard(reader, study, to);
  } else if (form == "bundle") {
    const auto database = store::database_path(parsed->database());
    export_bundle({.database = database, .file = to, .study = parsed->text("study", ""), .checkpoints = checkpoints_of(*parsed), .made = {}});
  } else {
    export_tables(reader, study, to, form == "csv");
  }
  return kExitOk;
}

}  // namespace attnlab::cli
