/// heat_map.h: numbers of rows and columns as coloured cells, one SVG file. As svg_plot.h: no scripts, no
///   fonts of its own; pure functions.
#pragma once

#include <string>
#include <vector>

namespace attnlab::report {

struct HeatMap {
  std::string title, subtitle;
  std::string row_label, column_label;      // of an axis: "layer", "head"
  std::vector<std::vector<double>> rows;    // not finite: the cell stays empty; rows may be shorter than others
  double low = 0, high = 1;                 // of the colours; what lies beyond has the last one
};

/// Cells carry their number, where there are at most 24 columns, and tell it when pointed at.
[[nodiscard]] std::string to_svg(const HeatMap& map);

}  // namespace attnlab::report
