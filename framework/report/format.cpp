#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "framework/core/text.h"
#include "framework/report/table.h"

namespace attnlab::report {
namespace {

std::string number_text(double number, Format format) {
  if (!std::isfinite(number)) return exact_number(number);
  switch (format) {
    case Format::grouped:
      return std::abs(number) < 1e15 ? grouped(std::llround(number)) : exact_number(number);
    case Format::fixed3:
      return fmt::format("{:.3f}", number);
    case Format::fixed2:
      return fmt::format("{:.2f}", number);
    case Format::times:
      return fmt::format("{:.2f}x", number);
    case Format::giga:
      return fmt::format("{:.1f}", number / 1e9);
    case Format::milliseconds: {
      const double ms = number * 1e3;
      return fmt::format("{:.{}f}", ms, ms < 1 ? 3 : ms < 10 ? 2 : ms < 100 ? 1 : 0);
    }
    case Format::percent:
      return fmt::format("{:.1f} %", number * 100);
    case Format::bytes:
      return human_bytes(number);
    case Format::duration:
      return human_duration(number);
    case Format::yes_no:
      return number != 0 ? "yes" : "";
    case Format::automatic:
      break;
  }
  const double size = std::abs(number);
  const bool whole = size < 1e15 && (size >= 1e5 || number == std::trunc(number));
  return whole ? fmt::format("{:.0f}", number) : fmt::format("{:.5g}", number);
}

Format format_of(const std::string& name) {
  if (name.ends_with("_bytes")) return Format::bytes;
  if (name == "seconds") return Format::duration;
  if (name == "tokens_per_second" || name == "parameters") return Format::grouped;
  if (name == "shared" || name == "data_partial" || name == "data_synthetic") return Format::yes_no;
  return Format::automatic;
}

}  // namespace

double number(const store::Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  const auto* real = std::get_if<double>(&value);
  return real ? *real : std::numeric_limits<double>::quiet_NaN();
}

std::string exact(const store::Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&value)) return exact_number(*real);
  const auto* text = std::get_if<std::string>(&value);
  return text ? *text : "";
}

Cell number_cell(double number, std::string shown) {
  if (std::isnan(number)) return {};
  return {number, std::move(shown)};
}

std::string display(const Cell& cell, Format format) {
  if (!cell.shown.empty()) return cell.shown;
  const bool whole = std::holds_alternative<std::int64_t>(cell.value);
  const bool plain = format == Format::automatic || format == Format::fixed3;
  const double value = number(cell.value);
  const bool is_number = whole || std::holds_alternative<double>(cell.value);
  return !is_number || (whole && plain) ? exact(cell.value) : number_text(value, format);
}

Table table_from(const store::Answer& answer) {
  Table table;
  for (std::size_t i = 0; i < answer.columns.size(); ++i) {
    const auto is_text = [i](const store::Row& row) {
      return std::holds_alternative<std::string>(row[i]);
    };
    const bool text = std::any_of(answer.rows.begin(), answer.rows.end(), is_text);
    table.columns.push_back(
        {answer.columns[i], text ? Align::left : Align::right, format_of(answer.columns[i])});
  }
  for (const auto& row : answer.rows) {
    auto& cells = table.rows.emplace_back();
    for (const auto& value : row) cells.push_back({value});
  }
  return table;
}

std::size_t shown_width(const std::string& text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0) == 0x80) continue;  // inside a code point
    // U+0300..U+036F, combining marks, are 0xCC80..0xCDAF.
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    if (byte == 0xCC || (byte == 0xCD && next <= 0xAF)) continue;
    ++width;
  }
  return width;
}

}  // namespace attnlab::report
