/// bench_values.h: numbers of a timing as cells, shared by the tables of a benchmark.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <string>

#include "framework/cli/bench/tables.h"

namespace attnlab::cli {

inline double number(const store::Value& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  const auto* real = std::get_if<double>(&value);
  return real == nullptr ? std::numeric_limits<double>::quiet_NaN() : *real;
}

/// Three digits that count.
inline std::string milliseconds(double seconds) {
  const double ms = seconds * 1e3;
  if (std::isnan(ms)) return "";
  return fmt::format("{:.{}f}", ms, ms < 1 ? 3 : ms < 10 ? 2 : ms < 100 ? 1 : 0);
}

/// A value that people see in another form than machines; NULL where it is NaN.
inline report::Cell cell(double value, std::string shown) {
  if (std::isnan(value)) return {store::Value{}};
  return {value, std::move(shown)};
}

/// Whole training steps: tokens per second and FLOP utilisation of both sides.
[[nodiscard]] report::Table training_table(const store::Reader& reader,
                                           const std::vector<BenchRun>& runs);

}  // namespace attnlab::cli
