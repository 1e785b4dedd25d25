/// tally.h: numbers of layers and heads, summed over sequences, and their names in the store.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "framework/core/metric.h"

namespace attnlab::xray {

/// A mean over what was added: of heads, of a layer as the mean of its heads, of all layers. Not
/// for two threads.
class Tally {
 public:
  /// The mean is sum / weight, of `root` measures its square root. Weight 0 adds nothing. `head` -1: the
  /// layer's, which has no heads then.
  void add(const std::string& name, const std::string& unit, std::int64_t layer, std::int64_t head, double sum,
           double weight, bool root = false);
  /// The name means nothing in this layer: what is added there is not told.
  void leave_out(const std::string& name, std::int64_t layer);

  /// "xray/NAME", "xray/NAME/layer_1", "xray/NAME/layer_1/head_0".
  [[nodiscard]] std::vector<Metric> metrics() const;

 private:
  struct Mean {
    double sum = 0, weight = 0;
  };
  struct Measure {
    std::string unit;
    bool root = false;
    std::map<std::int64_t, std::map<std::int64_t, Mean>> layers;  // of heads
    std::set<std::int64_t> left_out;
  };
  std::map<std::string, Measure> measures_;
};

}  // namespace attnlab::xray
