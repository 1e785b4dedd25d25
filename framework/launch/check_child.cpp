#include "framework/launch/check_child.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <optional>

#include "framework/core/error.h"
#include "framework/core/paths.h"
#include "framework/core/text.h"
#include "framework/launch/child_process.h"
#include "framework/launch/conclude.h"
#include "framework/launch/scratch.h"
#include "framework/launch/stop_signals.h"

namespace attnlab::launch {
namespace {

using Clock = std::chrono::steady_clock;

// Pages of the process that are in memory.
std::int64_t resident_bytes(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
  std::int64_t whole = 0, resident = 0;
  file >> whole >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

/// One child, from start to end.
class Child {
 public:
  Child(const CheckRequest& request, const CheckLimits& limits, CheckListener& listener,
        const StopSignals& signals)
      : limits_(limits),
        listener_(listener),
        signals_(signals),
        libraries_(std::int64_t{request.device == "cuda" ? 8192 : 512} << 20) {
    const auto path = scratch_.file("request.json");
    std::ofstream(path) << to_json(request);
    process_.emplace(std::vector{paths::worker().string(), std::string("check"), path.string()},
                     scratch_.file("log"));
  }

  /// What it was at when it was killed or died by itself; empty where it came to its end.
  struct Death {
    CheckExit exit = kCheckCrashed;
    std::string how;
  };
  std::optional<Death> run() {
    while (true) {
      pollfd ready[]{{process_->report_fd(), POLLIN, 0}, {signals_.wake_fd(), POLLIN, 0}};
      ::poll(ready, 2, 50);
      const auto ended = process_->poll();  // before the lines, so that none comes after them
      for (const auto& line : process_->read_lines()) take(line);
      if (signals_.count() > 0) throw Error("stopped", kExitInterrupted);
      if (ended) return death_of(*ended);
      if (auto death = past_a_limit()) {
        process_->signal(SIGKILL);
        return death;
      }
    }
  }

  [[nodiscard]] bool over() const { return !planned.empty() && finished.size() == planned.size(); }

  std::vector<std::string> planned{};  // properties, in order
  std::vector<std::string> finished{};
  CheckReport last{};  // the case that runs

 private:
  void take(const std::string& line) {
    CheckReport report;
    try {
      report = from_json<CheckReport>(line, "report of a check");
    } catch (const Error&) {
      return;  // a plugin's stray write
    }
    since_ = Clock::now();
    listener_.report(report);
    if (report.kind == "plan") planned = report.properties;
    if (report.kind == "refused") throw Error(report.text);
    if (report.kind == "result") finished.push_back(report.property);
    if (report.kind == "case") last = std::move(report);
  }

  std::optional<Death> past_a_limit() const {
    const std::chrono::duration<double> silent = Clock::now() - since_;
    if (silent.count() > limits_.seconds_per_case) {
      return Death{kCheckHung, "hung: no end after " + human_duration(limits_.seconds_per_case) +
                                   ", killed (--time-limit)"};
    }
    const auto bytes = resident_bytes(process_->pid());
    if (limits_.bytes > 0 && bytes > limits_.bytes + libraries_) {
      return Death{kCheckOutOfMemory, "used " + human_bytes(static_cast<double>(bytes)) +
                                          " of memory, killed (--memory-limit)"};
    }
    return std::nullopt;
  }

  std::optional<Death> death_of(const Outcome& end) const {
    if (end.signal == 0 && over()) return std::nullopt;
    const std::string log = log_end(scratch_.file("log"));
    const std::string words = log.empty() ? "" : "; its last words:\n" + log;
    if (end.signal == SIGKILL) {
      return Death{kCheckOutOfMemory, "killed by SIGKILL, probably for memory" + words};
    }
    if (end.signal != 0) return Death{kCheckCrashed, "crashed: " + signal_text(end.signal) + words};
    return Death{kCheckCrashed,
                 "ended the process with exit code " + std::to_string(end.exit_code) + words};
  }

  CheckLimits limits_;
  CheckListener& listener_;
  const StopSignals& signals_;
  std::int64_t libraries_;  // bytes that LibTorch takes by itself, CUDA's libraries included
  Scratch scratch_;
  std::optional<ChildProcess> process_;
  Clock::time_point since_ = Clock::now();
};

// What is left of `planned` after the property that the child died at.
std::vector<std::string> rest_of(const Child& child) {
  std::vector<std::string> rest;
  for (const auto& name : child.planned) {
    const auto& done = child.finished;
    if (name != child.last.property && std::find(done.begin(), done.end(), name) == done.end()) {
      rest.push_back(name);
    }
  }
  return rest;
}

}  // namespace

int check_in_child(const CheckRequest& request, const CheckLimits& limits,
                   CheckListener& listener) {
  const StopSignals signals;
  int exit = kExitOk;
  for (auto left = request;;) {
    Child child(left, limits, listener, signals);
    const auto death = child.run();
    if (!death) break;
    if (child.last.property.empty() && !child.over()) {
      throw Error("the plugin " + death->how + "\n  before its first case: while it was loaded");
    }
    exit = std::max<int>(exit, death->exit);
    auto report = child.over() ? CheckReport{.property = kCheckEnd} : child.last;
    report.kind = "result";
    report.status = "failed";
    report.text = death->how + (child.over() ? "\nafter all properties, while the process ended: in a destructor of something static?" : "");
    listener.report(report);
    left.properties = rest_of(child);
    if (left.properties.empty()) break;
  }
  return exit;
}

}  // namespace attnlab::launch
