/// layer_means.h: statistics of the attention, averaged over micro-batches or batches.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "framework/core/metric.h"
#include "framework/model/transformer.h"

namespace attnlab::train {

/// The mean of each statistic of each layer. add() waits for no device; settle() reads what add() was
/// given, all of it in one copy. For one thread.
class LayerMeans {
 public:
  /// `sequences`: of how many they are; each counts alike, whatever batch it is in.
  void add(const std::vector<model::LayerStatistic>& statistics, std::int64_t sequences);
  void settle();

  /// All that was added, as text and back: for the ranks of a run. Settles first.
  [[nodiscard]] std::string text();
  void add(const std::string& text);

  /// Of each statistic the mean over the layers that have it, "GROUP/NAME", and every layer's own,
  /// "GROUP/NAME/layer_2". Settles first.
  [[nodiscard]] std::vector<Metric> metrics(const std::string& group);

 private:
  struct Mean {
    double sum = 0;
    std::int64_t count = 0;  // of sequences
  };
  struct Layers {
    std::string unit;
    std::map<std::int64_t, Mean> means;
  };
  std::map<std::string, Layers> statistics_;
  struct Unread {
    Mean* mean;
    at::Tensor value;
    double weight;
  };
  std::vector<Unread> unread_;
};

}  // namespace attnlab::train
