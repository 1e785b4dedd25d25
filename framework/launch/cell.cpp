#include "framework/launch/cell.h"

#include <algorithm>

#include "framework/core/error.h"

namespace attnlab::launch {

std::string_view to_text(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::not_started:
      return "not started";
    case Outcome::Kind::done:
      return "done";
    case Outcome::Kind::finished_before:
      return "done before";
    case Outcome::Kind::skipped:
      return "skipped";
    case Outcome::Kind::failed:
      return "failed";
    case Outcome::Kind::interrupted:
      return "interrupted";
  }
  return "";
}

int LaunchResult::count(Outcome::Kind kind) const {
  return static_cast<int>(std::ranges::count(outcomes, kind, &Outcome::kind));
}

int LaunchResult::exit_code() const {
  if (interrupted) return kExitInterrupted;
  const int missing = count(Outcome::Kind::failed) + count(Outcome::Kind::interrupted) +
                      count(Outcome::Kind::not_started);
  return missing > 0 ? kExitRunsFailed : kExitOk;
}

}  // namespace attnlab::launch
