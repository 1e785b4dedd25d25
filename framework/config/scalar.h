/// scalar.h: which plain words are numbers, booleans or null; the same in YAML and in overrides.
///   After YAML 1.2 and Hydra: `yes`, `on` and `007` are strings, `1_000` and `1e-3` are numbers.
#pragma once

#include <string>
#include <string_view>

#include "framework/config/node.h"

namespace attnlab::config {

/// null and true/false in any case; integers in decimal with optional sign and `_` between digits;
/// reals "3.", ".5", "1e-3", inf, nan; all else is the string itself.
/// Throws Error for an integer beyond 64 bits.
[[nodiscard]] Node::Value typed_scalar(std::string_view word);

/// 0 to 9, whatever the locale.
[[nodiscard]] constexpr bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

/// Whether typed_scalar() leaves the word a string.
[[nodiscard]] bool is_string(std::string_view word);

/// Shortest text that reads back as the same real, as Python prints it: "0.0003", "1e-05", "1.0".
[[nodiscard]] std::string real_text(double value);

}  // namespace attnlab::config
