#include "framework/launch/cell.h"

#include <algorithm>

#include "framework/core/error.h"

namespace attnlab::launch {

std::string_view to_text(const CellResult& result) {
  if (result.status == Status::planned) return "not started";
  return result.before ? "done before" : attnlab::to_text(result.status);
}

int LaunchResult::count(Status status, bool before) const {
  return static_cast<int>(std::ranges::count_if(cells, [&](const CellResult& cell) {
    return cell.status == status && cell.before == before;
  }));
}

int LaunchResult::exit_code() const {
  if (interrupted) return kExitInterrupted;
  const int missing =
      count(Status::failed) + count(Status::interrupted) + count(Status::planned);
  return missing > 0 ? kExitRunsFailed : kExitOk;
}

}  // namespace attnlab::launch
