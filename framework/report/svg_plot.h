/// svg_plot.h: lines over two axes, and heat maps, as one SVG file each: no scripts, no fonts of its own.
///   Pure functions; none throws. Colours are Okabe & Ito's (2008),
///   told apart with any common colour blindness; after seven lines dashes tell them apart too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace attnlab::report {

struct Point {
  double x = 0;
  double y = 0;              // not finite: the line has a gap here
  double low = 0, high = 0;  // a band around the line; equal to y where there is none
};

struct Series {
  std::string label;
  std::vector<Point> points;  // x ascending
  bool is_floor = false;      // grey and dashed: what every comparison stands on
  // Where colours are to stand for an order: 0, dark, to 1, light; dashes then tell `kind` apart.
  std::optional<double> shade = {};
  std::size_t kind = 0;
  std::int64_t runs = 0;  // that the line is a mean over; 0: it is none
};

struct Plot {
  std::string title;
  std::string subtitle;
  std::string x_label, y_label;
  std::vector<Series> series;
  std::vector<std::string> notes{};  // sentences below
};

[[nodiscard]] std::string to_svg(const Plot& plot);

struct HeatMap {
  std::string title, subtitle;
  std::string row_label, column_label;      // of an axis: "layer", "head"
  std::vector<std::vector<double>> rows;    // not finite: the cell stays empty; rows may be shorter than others
  double low = 0, high = 1;                 // of the colours; what lies beyond has the last one
};

/// Cells carry their number, where there are at most 24 columns, and tell it when pointed at.
[[nodiscard]] std::string to_svg(const HeatMap& map);  // heat_map.cpp

/// Viridis (van der Walt, Smith 2015) from 0, dark, to 1, up to where it becomes too light for a white page.
[[nodiscard]] std::string shade_colour(double shade);
/// A <text> element; `attributes` are written as they are.
[[nodiscard]] std::string svg_text(double x, double y, const std::string& attributes, const std::string& text);

/// Round numbers (1, 2 or 5 times a power of ten apart) that cover [low, high], about `count` of
/// them. At least two, also where low == high.
[[nodiscard]] std::vector<double> nice_ticks(double low, double high, int count);

}  // namespace attnlab::report
