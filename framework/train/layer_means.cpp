#include "framework/train/layer_means.h"

#include <ATen/ATen.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace attnlab::train {

void LayerMeans::add(const std::vector<model::LayerStatistic>& statistics, std::int64_t sequences) {
  const auto weight = static_cast<double>(sequences);
  for (const auto& [layer, statistic] : statistics) {
    auto& layers = statistics_[statistic.name];
    layers.unit = statistic.unit;
    auto& mean = layers.means[layer];
    mean.count += sequences;
    const auto& tensor = statistic.value.tensor();
    if (tensor.defined() && !tensor.is_cpu()) {
      unread_.push_back({&mean, tensor.to(at::kDouble), weight});
    } else {
      mean.sum += weight * statistic.value.read();
    }
  }
}

void LayerMeans::settle() {
  if (unread_.empty()) return;
  std::vector<at::Tensor> numbers;
  for (const auto& each : unread_) numbers.push_back(each.value.reshape({}));
  const auto values = at::stack(numbers).cpu();
  for (std::size_t i = 0; i < unread_.size(); ++i) {
    unread_[i].mean->sum += unread_[i].weight * values.const_data_ptr<double>()[i];
  }
  unread_.clear();
}

std::string LayerMeans::text() {
  settle();
  std::string text;
  for (const auto& [name, layers] : statistics_) {
    for (const auto& [layer, mean] : layers.means) {
      char numbers[96];
      std::snprintf(numbers, sizeof numbers, "%lld\t%a\t%lld\t", static_cast<long long>(layer), mean.sum,
                    static_cast<long long>(mean.count));
      text += numbers + layers.unit + "\t" + name + "\n";
    }
  }
  return text;
}

void LayerMeans::add(const std::string& text) {
  std::istringstream lines(text);
  std::string layer, sum, count, unit, name;
  while (std::getline(lines, layer, '\t') && std::getline(lines, sum, '\t') && std::getline(lines, count, '\t') &&
         std::getline(lines, unit, '\t') && std::getline(lines, name)) {
    auto& layers = statistics_[name];
    layers.unit = unit;
    auto& mean = layers.means[std::stoll(layer)];
    mean.sum += std::strtod(sum.c_str(), nullptr);
    mean.count += std::stoll(count);
  }
}

std::vector<Metric> LayerMeans::metrics(const std::string& group) {
  settle();
  std::vector<Metric> metrics;
  for (const auto& [name, layers] : statistics_) {
    const auto key = group + "/" + name;
    double sum = 0;
    for (const auto& [layer, mean] : layers.means) {
      const double value = mean.sum / static_cast<double>(mean.count);
      sum += value;
      metrics.push_back({{key + "/layer_" + std::to_string(layer), layers.unit, Goal::none}, value});
    }
    metrics.push_back(
        {{key, layers.unit, Goal::none}, sum / static_cast<double>(layers.means.size())});
  }
  return metrics;
}

}  // namespace attnlab::train
