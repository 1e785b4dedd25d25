#include "framework/data/score.h"

#include <cmath>
#include <numbers>

#include "framework/core/error.h"

namespace attnlab::data {

Metric score(const std::string& metric, double nats) {
  const std::string name = "val/" + metric;
  if (metric.starts_with("bits_per_")) {
    return {{name, "bits", Goal::minimise}, nats / std::numbers::ln2};
  }
  if (metric == "perplexity") return {{name, "", Goal::minimise}, std::exp(nats)};
  throw Error("unknown metric '" + metric + "' of a data set; expected bits_per_* or perplexity.");
}

}  // namespace attnlab::data
