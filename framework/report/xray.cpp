#include "framework/report/xray.h"

#include <algorithm>
#include <cmath>

#include "framework/core/text.h"
#include "framework/report/svg_plot.h"

namespace attnlab::report {
namespace {

struct Shown {
  const char *name, *title, *words;
  bool share;  // shown in percent
};

// In the order of their columns.
constexpr Shown kShown[]{
    {"kept_weight", "weight kept", "share of the exact weight that the pattern keeps", true},
    {"best_weight", "at best", "share of the exact weight that as many keys keep at best", true},
    {"kept_keys", "keys kept", "share of the earlier keys that the pattern keeps", true},
    {"top_8", "top 8", "share of the 8 largest exact weights kept", true},
    {"top_32", "top 32", "share of the 32 largest exact weights kept", true},
    {"top_128", "top 128", "share of the 128 largest exact weights kept", true},
    {"overlap", "overlap", "overlap of the weights with the exact ones", true},
    {"error", "error", "error of the output, of the exact output", false},
    {"entropy", "entropy", "entropy of the weights, bits", false},
    {"dense_entropy", "exact's", "entropy of the exact weights, bits", false},
    {"distance", "distance", "mean distance of the weights, tokens", false},
    {"dense_distance", "exact's", "mean distance of the exact weights, tokens", false},
    {"rows_without_keys", "no keys", "share of the queries without keys", true},
    {"largest_segment", "largest", "rows of the largest segment, of T", true}};

/// The number behind "name_", or -1.
std::int64_t index_behind(const std::string& word, const std::string& name) {
  if (!word.starts_with(name + "_")) return -1;
  const auto digits = word.substr(name.size() + 1);
  if (digits.empty() || digits.size() > 9 || digits.find_first_not_of("0123456789") != digits.npos) return -1;
  return std::stoll(digits);
}

std::vector<Shown> shown_of(const Xray& xray) {
  std::vector<Shown> shown;
  for (const auto& each : kShown) {
    if (xray.has(each.name)) shown.push_back(each);
  }
  return shown;
}

std::vector<Cell> row_of(const Xray& xray, std::vector<Cell> cells, const std::vector<std::string>& measures,
                         std::int64_t layer, std::int64_t head) {
  for (const auto& measure : measures) cells.push_back(number_cell(xray.value(measure, layer, head)));
  return cells;
}

/// Points over log2 of the distance; what is at distance 0 stands at -1, where there is any.
Series profile_of(const Xray& xray, const std::string& group, std::int64_t layer) {
  Series series;
  for (const auto& measure : xray.measures(group + "/from_")) {
    const auto from = index_behind(measure.substr(group.size() + 1), "from");
    const double share = xray.value(measure, layer);
    if (from == 0 && !(share > 0)) continue;
    series.points.push_back({.x = from == 0 ? -1 : std::log2(static_cast<double>(from)), .y = share, .low = share, .high = share});
  }
  return series;
}

}  // namespace

void Xray::add(const std::string& key, const std::string& unit, double value) {
  auto words = split(key, '/');
  if (words.size() < 2 || words[0] != "xray") return;
  std::int64_t layer = -1, head = -1;
  if (head = index_behind(words.back(), "head"); head >= 0) words.pop_back();
  if (layer = index_behind(words.back(), "layer"); layer >= 0) words.pop_back();
  words.erase(words.begin());
  if (words.empty()) return;
  auto& measure = measures_[join(words, "/")];
  measure.unit = unit;
  measure.values[{layer, head}] = value;
  layers_ = std::max(layers_, layer + 1);
  heads_ = std::max(heads_, head + 1);
}

double Xray::value(const std::string& measure, std::int64_t layer, std::int64_t head) const {
  const auto found = measures_.find(measure);
  if (found == measures_.end()) return NAN;
  const auto at = found->second.values.find({layer, head});
  return at == found->second.values.end() ? NAN : at->second;
}

std::vector<std::string> Xray::measures(const std::string& group) const {
  std::vector<std::string> names;
  for (const auto& [name, measure] : measures_) {
    if (name.starts_with(group)) names.push_back(name);
  }
  const auto number = [](const std::string& name) {
    const auto at = name.rfind('_');
    return at == name.npos ? -1 : index_behind("n" + name.substr(at), "n");
  };
  std::ranges::stable_sort(names, {}, number);
  return names;
}

Table xray_table(const Xray& xray, bool by_heads) {
  Table table;
  table.columns.push_back({.name = "layer"});
  if (by_heads) table.columns.push_back({.name = "head"});
  std::vector<std::string> measures;
  for (const auto& [name, title, words, share] : shown_of(xray)) {
    table.columns.push_back({.name = name, .format = share ? Format::percent : Format::automatic, .title = title});
    measures.emplace_back(name);
  }
  for (std::int64_t layer = 0; layer < xray.layers(); ++layer) {
    if (!by_heads) table.rows.push_back(row_of(xray, {{layer}}, measures, layer, -1));
    for (std::int64_t head = 0; by_heads && head < xray.heads(); ++head) {
      table.rows.push_back(row_of(xray, {{layer}, {head}}, measures, layer, head));
    }
  }
  std::vector<Cell> all{{store::Value{}, "all"}};
  if (by_heads) all.push_back({store::Value{}});
  table.rows.push_back(row_of(xray, std::move(all), measures, -1, -1));
  return table;
}

Table xray_reported(const Xray& xray) {
  const auto measures = xray.measures("reported/");
  if (measures.empty()) return {};
  Table table;
  table.columns.push_back({.name = "layer"});
  for (const auto& measure : measures) {
    table.columns.push_back({.name = measure, .title = measure.substr(std::string("reported/").size()) +
                                                       (xray.unit(measure).empty() ? "" : ", " + xray.unit(measure))});
  }
  for (std::int64_t layer = 0; layer < xray.layers(); ++layer) {
    table.rows.push_back(row_of(xray, {{layer}}, measures, layer, -1));
  }
  table.rows.push_back(row_of(xray, {{store::Value{}, "all"}}, measures, -1, -1));
  return table;
}

Table xray_numbers(const Xray& xray) {
  Table table;
  table.columns = {{.name = "measure", .align = Align::left}, {.name = "layer"}, {.name = "head"}, {.name = "value"},
                   {.name = "unit", .align = Align::left}};
  const auto index = [](std::int64_t number) { return number < 0 ? Cell{} : Cell{number}; };
  for (const auto& measure : xray.measures("")) {
    for (std::int64_t layer = -1; layer < xray.layers(); ++layer) {
      for (std::int64_t head = -1; head < xray.heads(); ++head) {
        if (layer < 0 && head >= 0) continue;
        const double value = xray.value(measure, layer, head);
        if (std::isnan(value)) continue;
        table.rows.push_back({{measure}, index(layer), index(head), number_cell(value), {xray.unit(measure)}});
      }
    }
  }
  return table;
}

std::optional<Figure> xray_heat_map(const Xray& xray, const std::string& measure, const std::string& subtitle) {
  const auto* const shown = std::ranges::find_if(kShown, [&](const Shown& each) { return each.name == measure; });
  if (shown == std::end(kShown) || !xray.has(measure) || xray.heads() == 0) return std::nullopt;
  HeatMap map{.title = shown->words, .subtitle = subtitle, .row_label = "layer", .column_label = "head", .rows = {}};
  double most = 0;
  for (std::int64_t layer = 0; layer < xray.layers(); ++layer) {
    auto& row = map.rows.emplace_back();
    for (std::int64_t head = 0; head < xray.heads(); ++head) {
      row.push_back(xray.value(measure, layer, head));
      if (std::isfinite(row.back())) most = std::max(most, row.back());
    }
  }
  map.high = shown->share ? 1 : measure == "error" ? std::max(1.0, most) : most;
  return Figure{measure, to_svg(map)};
}

std::optional<Figure> xray_profile(const Xray& xray, const std::string& subtitle) {
  Plot plot{"Weight by distance", subtitle + "; dashed: exact softmax", "log2 of the distance in tokens (-1: itself)",
            "share of the weight", {}};
  const double last = std::max<double>(1, static_cast<double>(xray.layers() - 1));
  for (std::int64_t layer = 0; layer < xray.layers(); ++layer) {
    std::size_t kind = 0;
    for (const auto* group : {"profile", "dense_profile"}) {
      auto series = profile_of(xray, group, layer);
      series.label = "layer " + std::to_string(layer) + (kind == 0 ? "" : ", exact");
      series.shade = static_cast<double>(layer) / last;
      series.kind = kind++;
      const bool any = std::ranges::any_of(series.points, [](const Point& point) { return std::isfinite(point.y); });
      if (any) plot.series.push_back(std::move(series));
    }
  }
  if (plot.series.empty()) return std::nullopt;
  return Figure{"distance_profile", to_svg(plot)};
}

std::vector<Figure> xray_figures(const Xray& xray, const std::string& subtitle) {
  std::vector<Figure> figures;
  for (const auto& shown : shown_of(xray)) {
    if (auto figure = xray_heat_map(xray, shown.name, subtitle)) figures.push_back(std::move(*figure));
  }
  if (auto figure = xray_profile(xray, subtitle)) figures.push_back(std::move(*figure));
  return figures;
}

}  // namespace attnlab::report
