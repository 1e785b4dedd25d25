#include "framework/cli/plugin/check_printer.h"

#include <cstdio>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/plugin/elf_note.h"

namespace attnlab::cli {
namespace {

// Further lines begin under the first.
std::string indented(const std::string& text) { return join(split(text, '\n'), "\n      "); }

std::string shell_word(const std::string& text) {
  if (text.find_first_of(" '\"$&|;<>()*?[]#~`!\\\t\n") == std::string::npos) return text;
  return "'" + join(split(text, '\''), "'\\''") + "'";
}

}  // namespace

CheckPrinter::CheckPrinter(const std::string& plugin, const launch::CheckRequest& request,
                           const CheckLimits& limits)
    : plugin_(plugin), request_(request), limits_(limits) {
  const auto facts = plugin::read_plugin_note(request.plugin_path);
  std::printf("attention plugin '%s' (%s)\nseed %llu, %lld random cases, on %s\n\n",
              std::string(facts.note.name.view()).c_str(), request.plugin_path.c_str(),
              static_cast<unsigned long long>(request.seed), static_cast<long long>(request.cases),
              request.device.c_str());
  std::fflush(stdout);
}

void CheckPrinter::progress(const launch::CheckReport& report) {
  if (!status_.due()) return;
  const std::string where = report.cases == 0 ? "looking for a simpler case"
                                              : "case " + std::to_string(report.done + 1) + " of " +
                                                    std::to_string(report.cases);
  status_.show(report.property + ": " + where + ": " + report.case_text + " " + report.parameters);
}

void CheckPrinter::result(const launch::CheckReport& report) {
  status_.clear();
  const bool failed = report.status == "failed", noted = report.status == "noted";
  if (report.status == "passed") ++passed_;
  if (report.status == "not applicable" || report.status == "not run") ++silent_;
  failed_ += failed;
  noted_ += noted;
  const std::string text = failed || noted ? "" : report.text;
  std::printf("  %-18s %-14s %s\n", report.property.c_str(),
              failed ? "FAILED" : report.status.c_str(), text.c_str());
  if (failed || noted) {
    std::printf("      %s\n      case    %s%s%s\n      repeat  %s\n", indented(report.text).c_str(),
                report.case_text.c_str(), report.parameters.empty() ? "" : " with ",
                report.parameters.c_str(), repeat(report).c_str());
  }
  std::fflush(stdout);
}

int CheckPrinter::summary() {
  status_.clear();
  std::printf("\n%zu passed, %zu failed, %zu noted, %zu not applicable or not run\n", passed_,
              failed_, noted_, silent_);
  if (failed_ > 0) return kCheckFailed;
  return kExitOk;
}

std::string CheckPrinter::repeat(const launch::CheckReport& report) const {
  std::string line = "attnlab plugin check " + shell_word(plugin_) + " --property " +
                     report.property + " --seed " + std::to_string(request_.seed) + " --case " +
                     report.case_text;
  if (request_.device != "cpu") line += " --device " + request_.device;
  const CheckLimits usual;
  if (limits_.seconds_per_case != usual.seconds_per_case) {
    line += " --time-limit " + exact_number(limits_.seconds_per_case);
  }
  return line + (report.parameters.empty() ? "" : " " + report.parameters);
}

}  // namespace attnlab::cli
