#include "framework/launch/conclude.h"

#include <fmt/format.h>
#include <csignal>
#include <cstring>
#include <fstream>
#include <vector>

#include "framework/core/files.h"
#include "framework/core/text.h"
#include "framework/launch/worker_protocol.h"

namespace attnlab::launch {
namespace {

std::string peak_text(const Evidence& evidence) {
  const auto peak = human_bytes(static_cast<double>(evidence.end.peak_bytes));
  if (evidence.memory_limit <= 0) return "peak " + peak;
  return fmt::format("peak {} of {}", peak,
                     human_bytes(static_cast<double>(evidence.memory_limit)));
}

// How an allocation that failed inside the process shows in what it printed.
std::string allocation_failure(const std::string& log_end) {
  for (const auto& line : split(log_end, '\n')) {
    for (const char* sign : {"std::bad_alloc", "can't allocate memory", "out of memory"}) {
      if (line.find(sign) != std::string::npos) return line;
    }
  }
  return {};
}

// What the dynamic loader says when it gives up; 127 is its exit code.
std::string loader_failure(const Evidence& evidence) {
  if (evidence.end.exit_code != 127 && evidence.began) return {};
  for (const auto& line : split(evidence.log_end, '\n')) {
    for (const char* sign : {"error while loading shared libraries", "symbol lookup error",
                             "relocation error", "version `", "ELF load command"}) {
      if (line.find(sign) != std::string::npos) return line;
    }
  }
  return {};
}

std::string with_log(const std::string& reason, const std::string& log_end) {
  return log_end.empty() ? reason : reason + ". The log ends:\n" + log_end;
}

std::string killed_text(const Evidence& evidence) {
  if (evidence.memory_ran_out.value_or(false)) {
    return "killed for memory (" + peak_text(evidence) + ")";
  }
  const bool unsure = !evidence.memory_ran_out.has_value();
  return fmt::format("killed by SIGKILL from outside ({}{})", peak_text(evidence),
                     unsure ? "; perhaps for memory, which the kernel does not count here" : "");
}

std::string ended_text(const Evidence& evidence) {
  if (evidence.end.signal == SIGKILL) return killed_text(evidence);
  if (const auto line = allocation_failure(evidence.log_end); !line.empty()) {
    return fmt::format("out of memory ({}): {}", peak_text(evidence), line);
  }
  if (evidence.end.signal != 0) {
    return with_log("ended by " + signal_text(evidence.end.signal), evidence.log_end);
  }
  if (const auto line = loader_failure(evidence); !line.empty()) {
    return fmt::format(
        "the worker could not start: {}. Its libraries are expected where they were at its build; "
        "build attnlab again, or put them back", line);
  }
  return with_log(
      fmt::format("the worker exited with code {} before its run had {}", evidence.end.exit_code,
                  evidence.began ? "ended; did a plugin call exit()?" : "begun"),
      evidence.log_end);
}

}  // namespace

Ending conclude(const Evidence& evidence) {
  if (evidence.silent_seconds > 0) {
    return {Status::failed, with_log(fmt::format("no sign of life for {}: killed",
                                                    human_duration(evidence.silent_seconds)),
                                        evidence.log_end)};
  }
  if (evidence.asked_to_stop) {
    return {Status::interrupted,
            evidence.end.signal == SIGKILL ? "stopped; the worker had to be killed" : "stopped"};
  }
  const bool exited = evidence.end.signal == 0;
  if (exited && evidence.end.exit_code == kWorkerSkipped) {
    return {Status::skipped,
            evidence.last_words.empty() ? "refused by the plugin" : evidence.last_words};
  }
  if (exited && !evidence.last_words.empty()) return {Status::failed, evidence.last_words};
  return {Status::failed, ended_text(evidence)};
}

std::string log_end(const std::filesystem::path& log, std::size_t lines) {
  constexpr std::streamoff kBytes = 8192;
  if (!is_file(log)) return {};  // a pipe would be waited for
  std::ifstream in(log, std::ios::binary | std::ios::ate);
  if (!in) return {};
  const std::streamoff size = in.tellg();
  in.seekg(std::max<std::streamoff>(0, size - kBytes));
  std::string text(static_cast<std::size_t>(std::min(size, kBytes)), '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  std::vector<std::string> kept;
  for (auto& line : split(text, '\n')) {
    std::erase_if(line, [](unsigned char c) { return c < 0x20 && c != '\t'; });
    if (!line.empty()) kept.push_back(line);
  }
  if (kept.size() > lines)
    kept.erase(kept.begin(), kept.end() - static_cast<std::ptrdiff_t>(lines));
  return join(kept, "\n");
}

std::string signal_text(int number) {
  const char* name = ::sigabbrev_np(number);
  return fmt::format("SIG{} ({})", name != nullptr ? name : std::to_string(number).c_str(),
                     ::strsignal(number));
}

}  // namespace attnlab::launch
