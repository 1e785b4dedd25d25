#include "framework/train/layer_means.h"

#include <ATen/ATen.h>

namespace attnlab::train {

void LayerMeans::add(const std::vector<model::LayerStatistic>& statistics) {
  for (const auto& [layer, statistic] : statistics) {
    auto& layers = statistics_[statistic.name];
    layers.unit = statistic.unit;
    auto& mean = layers.means[layer];
    ++mean.count;
    const auto& tensor = statistic.value.tensor();
    if (tensor.defined() && !tensor.is_cpu()) {
      unread_.emplace_back(&mean, tensor.to(at::kDouble));
    } else {
      mean.sum += statistic.value.read();
    }
  }
}

void LayerMeans::settle() {
  if (unread_.empty()) return;
  std::vector<at::Tensor> numbers;
  for (const auto& [mean, tensor] : unread_) numbers.push_back(tensor.reshape({}));
  const auto values = at::stack(numbers).cpu();
  for (std::size_t i = 0; i < unread_.size(); ++i) {
    unread_[i].first->sum += values.const_data_ptr<double>()[i];
  }
  unread_.clear();
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
