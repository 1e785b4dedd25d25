/// xray.h: an X-ray's numbers as tables and figures. Their names and meanings: framework/xray/xray.h.
///   Pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "framework/report/table.h"

namespace attnlab::report {

/// One X-ray: of all layers, of a layer, of a head.
class Xray {
 public:
  /// "xray/kept_weight/layer_1/head_0"; other names are passed over.
  void add(const std::string& key, const std::string& unit, double value);

  [[nodiscard]] bool empty() const { return measures_.empty(); }
  [[nodiscard]] std::int64_t layers() const { return layers_; }
  [[nodiscard]] std::int64_t heads() const { return heads_; }
  /// -1: of all layers, of all heads. NaN where there is none.
  [[nodiscard]] double value(const std::string& measure, std::int64_t layer = -1, std::int64_t head = -1) const;
  [[nodiscard]] bool has(const std::string& measure) const { return measures_.contains(measure); }
  [[nodiscard]] const std::string& unit(const std::string& measure) const { return measures_.at(measure).unit; }
  /// Names that begin with `group`, in the order of the numbers at their ends.
  [[nodiscard]] std::vector<std::string> measures(const std::string& group) const;

 private:
  struct Measure {
    std::string unit;
    std::map<std::pair<std::int64_t, std::int64_t>, double> values;
  };
  std::map<std::string, Measure> measures_;
  std::int64_t layers_ = 0, heads_ = 0;
};

/// A row per layer, or per head, and one of all.
[[nodiscard]] Table xray_table(const Xray& xray, bool by_heads = false);
/// What the plugin itself reported of the same passes, a row per layer; no columns where it did nothing.
[[nodiscard]] Table xray_reported(const Xray& xray);
/// Measure, layer, head, value, unit: everything, for programs.
[[nodiscard]] Table xray_numbers(const Xray& xray);

struct Figure {
  std::string name;  // "kept_weight"
  std::string svg;
};
/// A heat map (layer x head) of each measure, and "distance_profile": shares of weight over distance,
/// the attention's and exact softmax's.
[[nodiscard]] std::vector<Figure> xray_figures(const Xray& xray, const std::string& subtitle);
[[nodiscard]] std::optional<Figure> xray_heat_map(const Xray& xray, const std::string& measure, const std::string& subtitle);
[[nodiscard]] std::optional<Figure> xray_profile(const Xray& xray, const std::string& subtitle);

}  // namespace attnlab::report
