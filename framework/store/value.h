/// value.h: one cell of a query's answer.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace attnlab::store {

/// NULL, integer, real or text. A NULL in a column of measurements means NaN or nothing measured.
using Value = std::variant<std::monostate, std::int64_t, double, std::string>;
using Row = std::vector<Value>;

[[nodiscard]] inline bool is_null(const Value& value) { return value.index() == 0; }

}  // namespace attnlab::store
