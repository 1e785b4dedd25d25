/// status.h: the words for how things end. A run has a Status, and an Ending once it is over; a
///   child process has an Outcome (launch/child_process.h), from which a missing Ending is concluded.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace attnlab {

/// Of a run, as its row in the database says.
enum class Status { planned, running, done, failed, skipped, interrupted };

inline constexpr std::array<std::string_view, 6> kStatusNames{"planned", "running", "done",
                                                              "failed",  "skipped", "interrupted"};
[[nodiscard]] constexpr std::string_view to_text(Status status) {
  return kStatusNames[static_cast<std::size_t>(status)];
}
[[nodiscard]] constexpr std::optional<Status> status_from(std::string_view text) {
  for (std::size_t i = 0; i < kStatusNames.size(); ++i) {
    if (kStatusNames[i] == text) return static_cast<Status>(i);
  }
  return std::nullopt;
}

/// How a run ended and, where it is not done, why.
struct Ending {
  Status status = Status::done;
  std::string reason{};
};

}  // namespace attnlab
