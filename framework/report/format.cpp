#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "framework/core/text.h"
#include "framework/report/table.h"

namespace attnlab::report {
namespace {

std::string grouped(double number) {
  const auto digits = fmt::format("{:.0f}", std::abs(number));
  std::string text = number < 0 ? "-" : "";
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string number_text(double number, Format format) {
  if (!std::isfinite(number)) return std::isnan(number) ? "nan" : number > 0 ? "inf" : "-inf";
  switch (format) {
    case Format::grouped:
      return grouped(number);
    case Format::fixed3:
      return fmt::format("{:.3f}", number);
    case Format::bytes:
      return human_bytes(number);
    case Format::duration:
      return human_duration(number);
    case Format::yes_no:
      return number != 0 ? "yes" : "";
    case Format::automatic:
      break;
  }
  const bool whole = number == std::trunc(number) && std::abs(number) < 1e15;
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

std::string display(const Cell& cell, Format format) {
  if (!cell.shown.empty()) return cell.shown;
  if (const auto* text = std::get_if<std::string>(&cell.value)) return *text;
  if (const auto* real = std::get_if<double>(&cell.value)) return number_text(*real, format);
  const auto* integer = std::get_if<std::int64_t>(&cell.value);
  if (!integer) return "";
  if (format == Format::automatic || format == Format::fixed3) return std::to_string(*integer);
  return number_text(static_cast<double>(*integer), format);
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
