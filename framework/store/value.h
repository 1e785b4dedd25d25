/// value.h: one cell of a query's answer, and the names of goals that cells have.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "framework/core/error.h"
#include "framework/core/metric.h"

namespace attnlab::store {

/// NULL, integer, real or text. A NULL in a column of measurements means NaN or nothing measured.
using Value = std::variant<std::monostate, std::int64_t, double, std::string>;
using Row = std::vector<Value>;

[[nodiscard]] inline bool is_null(const Value& value) { return value.index() == 0; }

/// What a database holds that no attnlab wrote: "run 3 belongs to a study that is not there".
[[nodiscard]] Error damage(const std::string& what);
/// Of a column that has nothing else in a database that is whole; else they throw damage().
[[nodiscard]] std::int64_t whole_of(const Value& value);
[[nodiscard]] const std::string& text_of(const Value& value);

inline constexpr std::array<std::string_view, 3> kGoalNames{"none", "minimise", "maximise"};
[[nodiscard]] constexpr std::string_view to_text(Goal goal) { return kGoalNames[static_cast<std::size_t>(goal)]; }
/// none where it is no such name.
[[nodiscard]] constexpr Goal goal_from(std::string_view text) {
  return text == "minimise" ? Goal::minimise : text == "maximise" ? Goal::maximise : Goal::none;
}

}  // namespace attnlab::store
