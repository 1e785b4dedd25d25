// report.cpp: `attnlab report`: a study as one HTML file.

#include "framework/cli/commands.h"
#include "framework/cli/results/exports.h"
#include "framework/cli/results/output.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/process.h"
#include "framework/core/text.h"
#include "framework/core/text_file.h"
#include "framework/report/page.h"
#include "framework/report/study.h"

namespace attnlab::cli {
namespace {

Options report_options() {
  Options options("report", "[--study NAME] --out FILE.html",
                  "A study as one HTML file: tables, curves, comparisons, configs, logs. It needs no network.");
  options.database()
      .no_words("; name a study with --study NAME")
      .value("study", "NAME", "which study (default: the one with the newest run)")
      .value("against", "VARIANT", "what the others are compared with, seed by seed (default: dense, where there is one)")
      .value("out", "FILE.html", "where the page goes; replaced in one go");
  return options;
}

}  // namespace

int report(Arguments arguments) {
  const auto parsed = report_options().parse(arguments);
  if (!parsed) return kExitOk;
  const auto out = parsed->text("out");
  if (!out || out->empty()) throw Error("expected --out FILE.html: where the page goes", kExitUsage);
  const auto reader = open_reader(*parsed);
  report::PageRequest request{.study = parsed->text("study", ""),
                              .against = parsed->text("against", ""),
                              .command = {},
                              .made = now_in_words()};
  if (request.study.empty()) request.study = report::newest_study(reader);
  request.command = "attnlab report --study " + shell_quoted(request.study);
  if (!request.against.empty()) request.command += " --against " + shell_quoted(request.against);
  request.command += " --out " + shell_quoted(*out);
  const auto page = report::page(reader, request);
  write_text(*out, page);
  print(*out + ": " + human_bytes(static_cast<double>(page.size())) + "\n");
  return kExitOk;
}

}  // namespace attnlab::cli
