// report.cpp: `attnlab report`: a study as one HTML file.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "framework/cli/commands.h"
#include "framework/cli/results/exports.h"
#include "framework/cli/results/output.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/process.h"
#include "framework/core/text.h"
#include "framework/report/page.h"
#include "framework/report/study.h"

namespace attnlab::cli {
namespace {

namespace fs = std::filesystem;

Options report_options() {
  Options options("report", "[--study NAME] --out FILE.html",
                  "A study as one HTML file: tables, curves, comparisons, configs, logs. It needs no network.");
  options.value("db", "FILE", "results database (default: ATTNLAB_DB, else runs/attnlab.db)")
      .value("study", "NAME", "which study (default: the one with the newest run)")
      .value("against", "VARIANT", "what the others are compared with, seed by seed (default: dense, where there is one)")
      .value("out", "FILE.html", "where the page goes; replaced in one go");
  return options;
}

[[noreturn]] void cannot_write(const fs::path& path, const std::string& why) {
  throw Error("cannot write the page '" + path.string() + "': " + why);
}

/// A reader of the old file never sees half of the new one. What is no file, as /dev/stdout, is written to as it is.
void replace_file(const fs::path& named, const std::string& text) {
  std::error_code error;
  const auto kind = fs::status(named, error).type();
  error.clear();  // not found is no failure here
  if (kind == fs::file_type::directory) cannot_write(named, "it is a folder");
  const bool in_place = kind != fs::file_type::not_found && kind != fs::file_type::regular;
  const auto path = kind == fs::file_type::regular ? fs::canonical(named) : named;  // behind links
  const auto part = in_place ? path : fs::path(path.string() + ".part-" + std::to_string(::getpid()));
  errno = 0;
  std::ofstream file(part, std::ios::binary);
  file << text;
  file.close();
  const std::string why = std::strerror(errno);
  if (file && !in_place) fs::rename(part, path, error);
  if (file && !(error && !in_place)) return;
  if (!in_place) {
    std::error_code ignored;
    fs::remove(part, ignored);
  }
  cannot_write(named, file ? error.message() : why);
}

}  // namespace

int report(Arguments arguments) {
  const auto parsed = report_options().parse(arguments);
  if (!parsed) return kExitOk;
  if (!parsed->words().empty()) {
    throw Error("unexpected word '" + parsed->words()[0] + "'; name a study with --study NAME", kExitUsage);
  }
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
  replace_file(*out, page);
  print(*out + ": " + human_bytes(static_cast<double>(page.size())) + "\n");
  return kExitOk;
}

}  // namespace attnlab::cli
