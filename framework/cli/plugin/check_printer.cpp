#include "framework/cli/plugin/check_printer.h"

#include <fmt/format.h>

#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/process.h"
#include "framework/core/text.h"
#include "framework/plugin/elf_note.h"

namespace attnlab::cli {
namespace {

// Further lines begin under the first.
std::string indented(const std::string& text) { return join(split(text, '\n'), "\n      "); }

}  // namespace

CheckPrinter::CheckPrinter(const std::string& plugin, const launch::CheckRequest& request,
                           const launch::CheckLimits& limits)
    : plugin_(plugin), request_(request), limits_(limits) {
  const auto facts = plugin::read_plugin_note(request.plugin_path);
  print(fmt::format("attention plugin '{}' ({})\nseed {}, {} random cases, on {}\n\n",
                    facts.note.name.view(), request.plugin_path, request.seed, request.cases,
                    request.device));
  flush_output();
}

void CheckPrinter::report(const launch::CheckReport& report) {
  if (report.kind == "case") progress(report);
  if (report.kind == "result") result(report);
  if (report.kind == "drawn") drawn_ = report.text;
}

void CheckPrinter::progress(const launch::CheckReport& report) {
  if (!status_.due()) return;
  const std::string where = report.cases == 0 ? "looking for another case"
                                              : "case " + std::to_string(report.done + 1) + " of " +
                                                    std::to_string(report.cases);
  status_.show(report.property + ": " + where + ": " + report.case_text + " " + report.parameters);
}

void CheckPrinter::result(const launch::CheckReport& report) {
  status_.clear();
  const bool failed = report.status == "failed", noted = report.status == "noted";
  if (report.status == "passed") ++passed_;
  if (report.status == "not applicable" || report.status == "not run") ++silent_;
  if (report.status == "skipped") ++unseen_;
  skipped_ += report.skipped;
  failed_ += failed;
  noted_ += noted;
  const auto lines = split(failed || noted ? "" : report.text, '\n');
  const bool alone = lines.size() == 2 && report.status == "skipped";
  if (report.skipped > 0) reasons_.insert(lines.begin() + 1, lines.end());
  print(fmt::format("  {:<19} {:<14} {}{}\n", report.property,
                    failed ? "FAILED" : report.status, lines[0], alone ? ": " + lines[1] : ""));
  if (failed || noted) {
    print(fmt::format("      {}\n", indented(report.text)));
    if (!report.case_text.empty()) {
      print(fmt::format("      case    {}{}{}\n", report.case_text, report.parameters.empty() ? "" : " with ",
                        report.parameters));
    }
    print(fmt::format("      repeat  {}\n", repeat(report)));
  }
  flush_output();
}

int CheckPrinter::summary() {
  status_.clear();
  if (!drawn_.empty()) print("\n" + drawn_ + "\n");
  for (const auto& reason : reasons_) print("skipped: " + reason + "\n");
  print(fmt::format(
      "\n{} passed, {} failed, {} noted, {} not applicable or not run; {} cases skipped\n", passed_,
      failed_, noted_, silent_, skipped_));
  if (failed_ > 0) return launch::kCheckFailed;
  if (passed_ + noted_ == 0 && unseen_ > 0) {
    const std::vector<std::string> reasons(reasons_.begin(), reasons_.end());
    throw Error("'" + plugin_ + "' cannot be checked: " +
                (reasons.empty() ? "no case is left (--min-length, --max-length)." : "every case was refused or skipped: " + join(reasons, "; ")));
  }
  return kExitOk;
}

std::string CheckPrinter::repeat(const launch::CheckReport& report) const {
  std::string line = "attnlab plugin check " + shell_quoted(plugin_);
  if (report.property != launch::kCheckEnd) line += " --property " + report.property;
  line += " --seed " + std::to_string(request_.seed);
  if (!report.case_text.empty()) line += " --case " + report.case_text;
  if (request_.device != "cpu") line += " --device " + request_.device;
  const launch::CheckLimits usual;
  if (limits_.seconds_per_case != usual.seconds_per_case) {
    line += " --time-limit " + exact_number(limits_.seconds_per_case);
  }
  return line + (report.parameters.empty() ? "" : " " + report.parameters);
}

}  // namespace attnlab::cli
