#include "framework/launch/cell.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::launch {

std::string_view to_text(const CellResult& result) {
  if (result.status == Status::planned) return "not started";
  return result.before ? "done before" : attnlab::to_text(result.status);
}

std::string line_of(const CellResult& result, const std::string& label) {
  auto line = fmt::format("{:<12} run {}: {}", to_text(result), result.run_id, label);
  if (result.status == Status::done && !result.before) {
    line += " | " + human_duration(result.seconds);
  }
  if (!result.reason.empty() && !result.before) line += ": " + result.reason;
  if (result.status == Status::failed && !result.log.empty()) {
    line += "\n             log: " + result.log.string();
  }
  return line;
}

int LaunchResult::count(Status status, bool before) const {
  return static_cast<int>(std::ranges::count_if(cells, [&](const CellResult& cell) {
    return cell.status == status && cell.before == before;
  }));
}

int LaunchResult::exit_code() const {
  if (stopped_by != 0) return stopped_by == SIGINT ? kExitInterrupted : kExitAgain;
  if (count(Status::failed) > 0) return kExitRunsFailed;
  if (detached) return kExitOk;
  if (count(Status::planned) > 0) return kExitRunsFailed;
  return count(Status::interrupted) > 0 ? kExitAgain : kExitOk;
}

}  // namespace attnlab::launch
