#include "framework/xray/tally.h"

#include <cmath>

namespace attnlab::xray {

void Tally::add(const std::string& name, const std::string& unit, std::int64_t layer, std::int64_t head,
                double sum, double weight, bool root) {
  if (weight == 0) return;
  auto& measure = measures_[name];
  measure.unit = unit;
  measure.root = root;
  auto& mean = measure.layers[layer][head];
  mean.sum += sum;
  mean.weight += weight;
}

void Tally::leave_out(const std::string& name, std::int64_t layer) { measures_[name].left_out.insert(layer); }

std::vector<Metric> Tally::metrics() const {
  std::vector<Metric> metrics;
  for (const auto& [name, measure] : measures_) {
    const auto tell = [&, &unit = measure.unit](const std::string& key, double value) {
      metrics.push_back({{key, unit, Goal::none}, value});
    };
    const auto key = "xray/" + name;
    double of_layers = 0;
    std::int64_t layers = 0;
    for (const auto& [layer, heads] : measure.layers) {
      if (measure.left_out.contains(layer)) continue;
      const auto here = key + "/layer_" + std::to_string(layer);
      double of_heads = 0;
      for (const auto& [head, mean] : heads) {
        const double plain = mean.sum / mean.weight, value = measure.root ? std::sqrt(plain) : plain;
        of_heads += value;
        if (head >= 0) tell(here + "/head_" + std::to_string(head), value);
      }
      const double value = of_heads / static_cast<double>(heads.size());
      tell(here, value);
      of_layers += value;
      ++layers;
    }
    if (layers > 0) tell(key, of_layers / static_cast<double>(layers));
  }
  return metrics;
}

}  // namespace attnlab::xray
