/// svg_plot.h: lines over two axes as one SVG file: no scripts, no fonts of its own.
///   Pure functions but for the file; drawing throws nothing. Colours are Okabe & Ito's (2008),
///   told apart with any common colour blindness; after seven lines dashes tell them apart too.
#pragma once

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
};

struct Plot {
  std::string title;
  std::string subtitle;
  std::string x_label, y_label;
  std::vector<Series> series;
};

[[nodiscard]] std::string to_svg(const Plot& plot);
/// Throws Error when the file cannot be written.
void write_svg(const Plot& plot, const std::string& path);

/// Viridis (van der Walt, Smith 2015) from 0, dark, to 1, up to where it becomes too light for a white page.
[[nodiscard]] std::string shade_colour(double shade);
/// Harmless (core/output.h) and escaped, for text and for quoted attributes.
[[nodiscard]] std::string svg_escaped(const std::string& text);

/// Round numbers (1, 2 or 5 times a power of ten apart) that cover [low, high], about `count` of
/// them. At least two, also where low == high.
[[nodiscard]] std::vector<double> nice_ticks(double low, double high, int count);

}  // namespace attnlab::report
