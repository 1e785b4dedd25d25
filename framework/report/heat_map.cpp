#include "framework/report/svg_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "framework/report/html.h"

namespace attnlab::report {
namespace {

constexpr double kMapLeft = 58, kMapTop = 62, kCellHeight = 24;
constexpr std::size_t kMostNumbered = 24;  // columns
constexpr int kScaleSteps = 32;

/// What no colour tells from 0 is written so.
std::string cell_text(double value, double high) {
  if (std::abs(value) < 5e-4 * high) return "0";
  return std::abs(value) >= 100 ? fmt::format("{:.0f}", value) : fmt::format("{:.2g}", value);
}

std::string cell_at(const HeatMap& map, std::size_t row, std::size_t column, double width, bool numbered) {
  const double value = map.rows[row][column];
  if (!std::isfinite(value)) return "";
  const double shade = map.high > map.low ? std::clamp((value - map.low) / (map.high - map.low), 0.0, 1.0) : 0;
  const double x = kMapLeft + width * static_cast<double>(column), y = kMapTop + kCellHeight * static_cast<double>(row);
  auto svg = fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"><title>{} {}, {} {}: "
                         "{:.5g}</title></rect>\n",
                         x, y, width - 1, kCellHeight - 1, shade_colour(shade), html_escaped(map.row_label), row,
                         html_escaped(map.column_label), column, value);
  if (!numbered) return svg;
  const auto* const look = shade < 0.65 ? "text-anchor=\"middle\" style=\"fill:#fff\"" : "text-anchor=\"middle\"";
  return svg + svg_text(x + (width - 1) / 2, y + 16, look, cell_text(value, map.high));
}

/// The colours from low to high, lying under the map.
std::string colour_scale(const HeatMap& map, double left, double top) {
  std::string svg = svg_text(left, top + 10, "text-anchor=\"end\"", cell_text(map.low, map.high));
  for (int i = 0; i < kScaleSteps; ++i) {
    svg += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"4.5\" height=\"12\" fill=\"{}\"/>\n", left + 8 + 4 * i, top,
                       shade_colour(i / (kScaleSteps - 1.0)));
  }
  return svg + svg_text(left + 14 + 4 * kScaleSteps, top + 10, "", cell_text(map.high, map.high));
}

}  // namespace

std::string to_svg(const HeatMap& map) {
  std::size_t columns = 1;
  for (const auto& row : map.rows) columns = std::max(columns, row.size());
  const bool numbered = columns <= kMostNumbered;
  const double cell = numbered ? 44 : 14;
  const double bottom = kMapTop + kCellHeight * static_cast<double>(map.rows.size());
  const double letters = static_cast<double>(std::max(map.title.size(), map.subtitle.size()));
  const double width = std::max({kMapLeft + cell * static_cast<double>(columns) + 20, kMapLeft + 240, 20 + 8.5 * letters});
  auto svg = fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" "
                         "role=\"img\">\n<title>{2}</title>\n<style>text{{font:12px system-ui,sans-serif;fill:#222}}</style>\n"
                         "<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n",
                         std::ceil(width), bottom + 66, html_escaped(map.title));
  svg += svg_text(10, 22, "style=\"font-size:15px;font-weight:600\"", map.title);
  svg += svg_text(10, 40, "style=\"fill:#666\"", map.subtitle);
  for (std::size_t row = 0; row < map.rows.size(); ++row) {
    svg += svg_text(kMapLeft - 8, kMapTop + kCellHeight * static_cast<double>(row) + 16, "text-anchor=\"end\"",
                    map.row_label + " " + std::to_string(row));
    for (std::size_t column = 0; column < map.rows[row].size(); ++column) svg += cell_at(map, row, column, cell, numbered);
  }
  const std::size_t every = numbered ? 1 : 8;
  for (std::size_t column = 0; column < columns; column += every) {
    svg += svg_text(kMapLeft + cell * (static_cast<double>(column) + 0.5), bottom + 14, "text-anchor=\"middle\"",
                    std::to_string(column));
  }
  svg += svg_text(kMapLeft + cell * static_cast<double>(columns) / 2, bottom + 30, "text-anchor=\"middle\"", map.column_label);
  return svg + colour_scale(map, kMapLeft, bottom + 44) + "</svg>\n";
}

}  // namespace attnlab::report
