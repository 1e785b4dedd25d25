/// duration.h: how long and how often, as people write it. Pure functions; none throws.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace attnlab {

/// Seconds of "30s", "10m", "3h", "2d", "1h30m", "1.5h"; nullopt for anything else.
[[nodiscard]] std::optional<double> duration_from(std::string_view text);

/// After so many steps, or after so many seconds; both 0: never.
struct Interval {
  std::int64_t steps = 0;
  double seconds = 0;
  [[nodiscard]] bool never() const { return steps == 0 && seconds == 0; }
};

/// "500" is steps, "10m" a time, "0" never; nullopt for anything else.
[[nodiscard]] std::optional<Interval> interval_from(std::string_view text);

}  // namespace attnlab
