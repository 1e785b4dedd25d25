#include "framework/launch/asked_child.h"

#include <poll.h>

#include <csignal>

#include "framework/core/error.h"
#include "framework/core/paths.h"
#include "framework/core/status_lines.h"
#include "framework/core/text.h"
#include "framework/core/text_file.h"
#include "framework/launch/child_process.h"
#include "framework/launch/conclude.h"
#include "framework/launch/memory_watch.h"
#include "framework/launch/scratch.h"
#include "framework/launch/stop_signals.h"

namespace attnlab::launch {
namespace {

/// `attnlab-worker COMMAND SPEC`, until `over(how it ended, if it has, and its log)`. Every line that it
/// reports goes to `take`, the last ones before its end is told.
template <class Message, class Take, class Over>
void ask(const char* command, const RunSpec& spec, const Take& take, const Over& over) {
  const StopSignals signals;
  const Scratch scratch;
  const auto path = scratch.file("spec.json"), log = scratch.file("log");
  write_text(path, to_json(spec));
  ChildProcess child({paths::worker().string(), command, path.string()}, log);
  for (bool done = false; !done;) {
    pollfd ready[]{{child.report_fd(), POLLIN, 0}, {signals.wake_fd(), POLLIN, 0}};
    ::poll(ready, 2, 50);
    const auto ended = child.poll();  // before the lines, so that none comes after them
    for (const auto& line : child.read_lines()) {
      Message message;
      try {
        message = from_json<Message>(line, "report of a worker");
      } catch (const Error&) {
        continue;  // a plugin's stray write
      }
      take(std::move(message));
    }
    if (signals.count() > 0) throw Error("stopped", kExitInterrupted);
    done = over(ended, log);
  }
}

[[noreturn]] void died(const Outcome& end, const std::string& log) {
  const auto how = end.signal != 0 ? "crashed: " + signal_text(end.signal)
                                   : "ended the process with exit code " + std::to_string(end.exit_code);
  throw Error("the plugin " + how + " while its layers were built" +
              (log.empty() ? "" : "; its last words:\n" + log));
}

}  // namespace

std::vector<Report> evaluate_in_child(const RunSpec& spec,
                                      const std::function<void(const Report&)>& progress) {
  const MemoryWatch memory;
  std::vector<Report> metrics;
  Report end;
  bool began = false;
  ask<Report>(
      "run", spec,
      [&](Report report) {
        began = true;
        if (report.kind == "metric") metrics.push_back(report);
        if (report.kind == "step") progress(report);
        if (report.kind == "end") end = std::move(report);
      },
      [&](const auto& ended, const auto& log) {
        if (!ended) return false;
        if (end.status == to_text(Status::done)) return true;
        if (!end.text.empty()) throw Error(end.text);
        throw Error(conclude({.end = *ended,
                              .began = began,
                              .memory_ran_out = memory.killed(),
                              .memory_limit = memory.limit_bytes(),
                              .log_end = log_end(log)})
                        .reason);
      });
  return metrics;
}

std::vector<OwnedTensor> owned_in_child(const RunSpec& spec, double seconds) {
  const double begin = clock_seconds();
  std::vector<OwnedTensor> owned;
  bool complete = false;
  ask<OwnedTensor>(
      "owns", spec,
      [&](OwnedTensor tensor) {
        if (tensor.kind == "refused") throw Error(tensor.text);
        complete |= tensor.kind == "end";
        if (tensor.kind != "end") owned.push_back(std::move(tensor));
      },
      [&](const auto& ended, const auto& log) {
        if (!complete && ended) died(*ended, log_end(log));
        if (!complete && clock_seconds() - begin > seconds) {
          throw Error("the plugin hung: its layers were not built after " + human_duration(seconds));
        }
        return complete;
      });
  return owned;
}

}  // namespace attnlab::launch
