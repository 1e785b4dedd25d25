#include "framework/report/svg_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "framework/core/text.h"
#include "framework/report/html.h"

namespace attnlab::report {
namespace {

constexpr double kLeft = 70, kRight = 630, kLeastHeight = 460;  // the axes' frame, in pixels
constexpr double kTop = 64, kBottom = 404;
constexpr double kLegendLine = 22, kNoteLine = 16, kLetter = 7.5;

constexpr std::array kColours{"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                              "#E69F00", "#56B4E9", "#000000"};
constexpr std::array kDashes{"none", "7 4", "2 3", "9 3 2 3"};

constexpr std::size_t kMostDots = 24;

struct Scale {
  double low, high;   // data
  double begin, end;  // pixels
  std::vector<double> ticks;
  [[nodiscard]] double operator()(double value) const {
    return begin + (value - low) / (high - low) * (end - begin);
  }
};

Scale scale_for(double low, double high, double begin, double end, int count) {
  auto ticks = nice_ticks(low, high, count);
  return {ticks.front(), ticks.back(), begin, end, ticks};
}

bool drawable(const Point& point) { return std::isfinite(point.x) && std::isfinite(point.y); }

struct Extent {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void add(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  [[nodiscard]] Extent or_unit() const { return low <= high ? *this : Extent{0, 1}; }
};

std::string axes(const Scale& x, const Scale& y) {
  std::string svg;
  for (const double tick : y.ticks) {
    svg += fmt::format("<path class=\"grid\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>\n", x.begin, y(tick),
                       x.end);
    svg += svg_text(x.begin - 8, y(tick) + 4, "text-anchor=\"end\"", fmt::format("{:g}", tick));
  }
  for (const double tick : x.ticks) {
    svg += fmt::format("<path class=\"axis\" d=\"M{:.1f} {:.1f}v5\"/>\n", x(tick), y.begin);
    svg += svg_text(x(tick), y.begin + 20, "text-anchor=\"middle\"", fmt::format("{:g}", tick));
  }
  return svg + fmt::format("<path class=\"axis\" d=\"M{:.1f} {:.1f}V{:.1f}H{:.1f}\"/>\n", x.begin,
                           y.end, y.begin, x.end);
}

/// The line's path; a point that cannot be drawn lifts the pen.
std::string line_path(const Series& series, const Scale& x, const Scale& y) {
  std::string path;
  bool down = false;
  for (const auto& point : series.points) {
    if (drawable(point)) {
      path += fmt::format("{}{:.1f} {:.1f}", down ? "L" : "M", x(point.x), y(point.y));
    }
    down = drawable(point);
  }
  return path;
}

/// The band's outline: forth along the upper border, back along the lower one.
std::string band_path(const Series& series, const Scale& x, const Scale& y) {
  std::string forth;
  std::vector<std::string> back;
  bool any = false;
  for (const auto& point : series.points) {
    if (!drawable(point) || !std::isfinite(point.low) || !std::isfinite(point.high)) continue;
    any |= point.high > point.low;
    forth += fmt::format("{}{:.1f} {:.1f}", forth.empty() ? "M" : "L", x(point.x), y(point.high));
    back.push_back(fmt::format("L{:.1f} {:.1f}", x(point.x), y(point.low)));
  }
  if (!any) return "";
  for (auto at = back.rbegin(); at != back.rend(); ++at) forth += *at;
  return forth + "Z";
}

struct Stroke {
  std::string colour;
  std::string dash;
};

std::vector<Stroke> strokes_for(const std::vector<Series>& series) {
  std::vector<Stroke> strokes;
  std::size_t used = 0;
  for (const auto& one : series) {
    if (one.is_floor) {
      strokes.push_back({"#777777", "5 4"});
      continue;
    }
    if (one.shade) {
      strokes.push_back({shade_colour(*one.shade), kDashes[one.kind % kDashes.size()]});
      continue;
    }
    strokes.push_back(
        {kColours[used % kColours.size()], kDashes[used / kColours.size() % kDashes.size()]});
    ++used;
  }
  return strokes;
}

/// A dot per point where there are few: a lone point would otherwise leave no mark.
std::string dots(const Series& series, const Stroke& stroke, const Scale& x, const Scale& y) {
  if (series.points.size() > kMostDots) return "";
  std::string svg;
  for (const auto& point : series.points) {
    if (!drawable(point)) continue;
    svg += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.5\" fill=\"{}\"/>\n", x(point.x),
                       y(point.y), stroke.colour);
  }
  return svg;
}

std::string draw(const Series& series, const Stroke& stroke, const Scale& x, const Scale& y) {
  std::string svg;
  if (const auto band = band_path(series, x, y); !band.empty()) {
    svg += fmt::format("<path d=\"{}\" fill=\"{}\" fill-opacity=\"0.15\"/>\n", band, stroke.colour);
  }
  svg += fmt::format(
      "<path class=\"line\" d=\"{}\" stroke=\"{}\" "
      "stroke-dasharray=\"{}\"><title>{}</title></path>\n",
      line_path(series, x, y), stroke.colour, stroke.dash, html_escaped(series.label));
  return svg + dots(series, stroke, x, y);
}

/// The label, how many runs it is a mean over, and the value at the end, which may be none that can be drawn.
std::string legend_text(const Series& series, bool of_runs) {
  auto text = series.label;
  if (of_runs && series.runs > 0) text += fmt::format(" (n = {})", series.runs);
  for (auto point = series.points.rbegin(); point != series.points.rend(); ++point) {
    if (!std::isfinite(point->x)) continue;
    return text + (std::isnan(point->y) ? ": NaN at its end" : fmt::format(": {:.4g}", point->y));
  }
  return text;
}

std::vector<std::string> legend_texts(const std::vector<Series>& series) {
  const bool of_runs = std::ranges::any_of(series, [](const Series& one) { return one.runs > 1; });
  std::vector<std::string> texts;
  for (const auto& one : series) texts.push_back(legend_text(one, of_runs));
  return texts;
}

/// Beside the frame there must be room for the longest label; 7.5 pixels a letter is ample at 12
/// px.
double width_for(const std::vector<std::string>& labels) {
  std::size_t letters = 12;
  for (const auto& label : labels) letters = std::max(letters, label.size());
  return kRight + 60 + std::ceil(kLetter * static_cast<double>(letters));
}

/// The legend must not end before its last line does.
double height_for(const std::vector<std::string>& labels) {
  return std::max(kLeastHeight, kTop + 20 + kLegendLine * static_cast<double>(labels.size()));
}

std::string legend(const std::vector<std::string>& labels, const std::vector<Stroke>& strokes) {
  std::string svg;
  const double left = kRight + 20;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const double y = kTop + 12 + kLegendLine * static_cast<double>(i);
    svg += fmt::format(
        "<path class=\"line\" d=\"M{:.1f} {:.1f}h26\" stroke=\"{}\" stroke-dasharray=\"{}\"/>\n",
        left, y - 4, strokes[i].colour, strokes[i].dash);
    svg += svg_text(left + 34, y, "", labels[i]);
  }
  return svg;
}

/// Sentences as lines that fit into `width` pixels.
std::vector<std::string> lines_within(const std::vector<std::string>& notes, double width) {
  std::vector<std::string> lines;
  for (const auto& note : notes) {
    lines.emplace_back();
    for (const auto& word : split(note, ' ')) {
      const auto letters = static_cast<double>(lines.back().size() + word.size() + 1);
      if (!lines.back().empty() && letters * kLetter > width) lines.emplace_back();
      lines.back() += (lines.back().empty() ? "" : " ") + word;
    }
  }
  return lines;
}

}  // namespace

std::string svg_text(double x, double y, const std::string& attributes, const std::string& text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" {}>{}</text>\n", x, y, attributes, html_escaped(text));
}

std::string shade_colour(double shade) {
  constexpr std::array<std::array<double, 3>, 5> kAnchors{
      {{68, 1, 84}, {62, 73, 137}, {38, 130, 142}, {53, 183, 121}, {160, 210, 60}}};
  const double place = std::clamp(shade, 0.0, 1.0) * (kAnchors.size() - 1);
  const auto below = std::min(static_cast<std::size_t>(place), kAnchors.size() - 2);
  const double share = place - static_cast<double>(below);
  std::string colour = "#";
  for (std::size_t i = 0; i < 3; ++i) {
    const double value = (1 - share) * kAnchors[below][i] + share * kAnchors[below + 1][i];
    colour += fmt::format("{:02X}", static_cast<int>(std::lround(value)));
  }
  return colour;
}

std::vector<double> nice_ticks(double low, double high, int count) {
  if (!(high > low)) {
    const double room = low == 0 ? 1 : std::abs(low) / 2;
    low -= room;
    high += room;
  }
  const double raw = (high - low) / count;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw * 0.999) {
      step = factor * power;
      break;
    }
  }
  const auto first = static_cast<std::int64_t>(std::floor(low / step + 1e-9));
  const auto last = static_cast<std::int64_t>(std::ceil(high / step - 1e-9));
  std::vector<double> ticks;
  for (auto i = first; i <= last; ++i) ticks.push_back(static_cast<double>(i) * step);
  return ticks;
}

std::string to_svg(const Plot& plot) {
  Extent across, up;
  for (const auto& series : plot.series) {
    for (const auto& point : series.points) {
      if (!drawable(point)) continue;
      across.add(point.x);
      for (const double value : {point.y, point.low, point.high}) up.add(value);
    }
  }
  across = across.or_unit();
  up = up.or_unit();
  const auto x = scale_for(across.low, across.high, kLeft, kRight, 6);
  const auto y = scale_for(up.low, up.high, kBottom, kTop, 6);
  const auto strokes = strokes_for(plot.series);
  const auto labels = legend_texts(plot.series);
  const double width = width_for(labels), above = height_for(labels);
  const auto notes = lines_within(plot.notes, width - kLeft);
  auto svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" "
      "role=\"img\">\n<title>{2}</title>\n<style>text{{font:12px system-ui,sans-serif;fill:#222}}"
      ".grid{{stroke:#e4e4e4;fill:none}}.axis{{stroke:#444;fill:none}}"
      ".line{{fill:none;stroke-width:2;stroke-linejoin:round}}</style>\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n",
      width, above + kNoteLine * static_cast<double>(notes.size()), html_escaped(plot.title));
  svg += svg_text(kLeft, 26, "style=\"font-size:16px;font-weight:600\"", plot.title);
  svg += svg_text(kLeft, 46, "style=\"fill:#666\"", plot.subtitle);
  svg += axes(x, y);
  svg += svg_text((x.begin + x.end) / 2, kLeastHeight - 14, "text-anchor=\"middle\"", plot.x_label);
  svg += svg_text(0, 0,
                  fmt::format("text-anchor=\"middle\" transform=\"translate(18 {:.1f}) rotate(-90)\"",
                              (y.begin + y.end) / 2),
                  plot.y_label);
  for (std::size_t i = 0; i < plot.series.size(); ++i)
    svg += draw(plot.series[i], strokes[i], x, y);
  for (std::size_t i = 0; i < notes.size(); ++i) {
    svg += svg_text(kLeft, above + kNoteLine * (static_cast<double>(i) + 0.25), "style=\"fill:#666\"", notes[i]);
  }
  return svg + legend(labels, strokes) + "</svg>\n";
}

}  // namespace attnlab::report
