#include "framework/launch/evaluate_child.h"

#include <poll.h>

#include <fstream>

#include "framework/core/error.h"
#include "framework/core/paths.h"
#include "framework/launch/child_process.h"
#include "framework/launch/conclude.h"
#include "framework/launch/memory_watch.h"
#include "framework/launch/scratch.h"
#include "framework/launch/stop_signals.h"

namespace attnlab::launch {
namespace {

/// What a worker has reported.
struct Answer {
  std::vector<Report> metrics{};
  Report end{};
  bool began = false;

  void take(const std::string& line, const std::function<void(const Report&)>& progress) {
    Report report;
    try {
      report = from_json<Report>(line, "report of a worker");
    } catch (const Error&) {
      return;  // a plugin's stray write
    }
    began = true;
    if (report.kind == "metric") metrics.push_back(report);
    if (report.kind == "step") progress(report);
    if (report.kind == "end") end = report;
  }
};

}  // namespace

std::vector<Report> evaluate_in_child(const RunSpec& spec,
                                      const std::function<void(const Report&)>& progress) {
  const StopSignals signals;
  const Scratch scratch;
  const MemoryWatch memory;
  const auto path = scratch.file("spec.json"), log = scratch.file("log");
  std::ofstream(path) << to_json(spec);
  ChildProcess child({paths::worker().string(), "run", path.string()}, log);
  Answer answer;
  while (true) {
    pollfd ready[]{{child.report_fd(), POLLIN, 0}, {signals.wake_fd(), POLLIN, 0}};
    ::poll(ready, 2, 50);
    const auto ended = child.poll();  // before the lines, so that none comes after them
    for (const auto& line : child.read_lines()) answer.take(line, progress);
    if (signals.count() > 0) throw Error("stopped", kExitInterrupted);
    if (!ended) continue;
    if (answer.end.status == to_text(Status::done)) return answer.metrics;
    if (!answer.end.text.empty()) throw Error(answer.end.text);
    throw Error(conclude({.end = *ended,
                          .began = answer.began,
                          .memory_ran_out = memory.killed(),
                          .memory_limit = memory.limit_bytes(),
                          .log_end = log_end(log)})
                    .reason);
  }
}

}  // namespace attnlab::launch
