#include "framework/launch/owned_child.h"

#include <poll.h>

#include <chrono>
#include <csignal>
#include <fstream>

#include "framework/core/paths.h"
#include "framework/core/text.h"
#include "framework/launch/child_process.h"
#include "framework/launch/conclude.h"
#include "framework/launch/scratch.h"
#include "framework/launch/stop_signals.h"

namespace attnlab::launch {
namespace {

/// Takes what the child tells; whether it has told all.
bool take_owned(ChildProcess& child, std::vector<OwnedTensor>& owned) {
  bool complete = false;
  for (const auto& line : child.read_lines()) {
    OwnedTensor tensor;
    try {
      tensor = from_json<OwnedTensor>(line, "report of what is owned");
    } catch (const Error&) {
      continue;  // a plugin's stray write
    }
    if (tensor.kind == "refused") throw Error(tensor.text);
    complete |= tensor.kind == "end";
    if (tensor.kind != "end") owned.push_back(std::move(tensor));
  }
  return complete;
}

[[noreturn]] void died(const Outcome& end, const std::string& log) {
  const auto how = end.signal != 0 ? "crashed: " + signal_text(end.signal)
                                   : "ended the process with exit code " + std::to_string(end.exit_code);
  throw Error("the plugin " + how + " while its layers were built" +
              (log.empty() ? "" : "; its last words:\n" + log));
}

}  // namespace

std::vector<OwnedTensor> owned_in_child(const RunSpec& spec, double seconds) {
  const StopSignals signals;
  const Scratch scratch;
  std::ofstream(scratch.file("spec.json")) << to_json(spec);
  ChildProcess child({paths::worker().string(), "owns", scratch.file("spec.json").string()},
                     scratch.file("log"));
  const auto begin = std::chrono::steady_clock::now();
  std::vector<OwnedTensor> owned;
  for (bool complete = false; !complete;) {
    pollfd ready[]{{child.report_fd(), POLLIN, 0}, {signals.wake_fd(), POLLIN, 0}};
    ::poll(ready, 2, 50);
    const auto ended = child.poll();  // before the lines, so that none comes after them
    complete = take_owned(child, owned);
    if (signals.count() > 0) throw Error("stopped", kExitInterrupted);
    if (!complete && ended) died(*ended, log_end(scratch.file("log")));
    if (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() > seconds) {
      throw Error("the plugin hung: its layers were not built after " + human_duration(seconds));
    }
  }
  return owned;
}

}  // namespace attnlab::launch
