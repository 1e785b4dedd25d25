/// windows.h: how a text is cut into windows for scoring: every token once, each with the tokens before it
///   in its window. Pure functions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

namespace attnlab::data {

/// Windows of `length` tokens, each beginning `stride` later than the one before; what one before has
/// scored is context only. With a stride of `length` windows do not overlap.
struct Windows {
  std::int64_t tokens = 0, length = 1, stride = 1;

  /// `stride` 0 is `length`; it is at most that.
  Windows(std::int64_t all, std::int64_t window, std::int64_t step)
      : tokens(all), length(window), stride(step == 0 ? window : step) {}

  [[nodiscard]] std::int64_t count() const {
    if (tokens <= length) return tokens > 0 ? 1 : 0;
    return 1 + (tokens - length + stride - 1) / stride;
  }
  /// The first target of the window, and how many it has; the last may have fewer than `length`.
  [[nodiscard]] std::int64_t first(std::int64_t window) const { return window * stride; }
  [[nodiscard]] std::int64_t targets(std::int64_t window) const {
    return std::min(length, tokens - first(window));
  }
  /// Of these, so many at the beginning were scored by the windows before.
  [[nodiscard]] std::int64_t context(std::int64_t window) const { return window == 0 ? 0 : length - stride; }

  /// For results: "windows of T bytes, stride T, each byte of the split scored once".
  [[nodiscard]] std::string rule(const std::string& token, const std::string& split) const {
    const auto ends = "each " + token + " of " + split + " scored once";
    if (stride == length) return "windows of T " + token + "s, stride T, " + ends;
    return "windows of T " + token + "s, stride " + std::to_string(stride) + ": after the first each scores its last " +
           std::to_string(stride) + ", " + ends;
  }
};

}  // namespace attnlab::data
