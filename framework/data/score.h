/// score.h: a data set's measure from mean nats per scored token: the one place that defines it.
#pragma once

#include <string>

#include "framework/core/metric.h"

namespace attnlab::data {

/// `metric` is DatasetInfo::metric: bits_per_* is nats / ln 2, perplexity is exp(nats). The key is
/// "val/" and the metric; lower is better.
[[nodiscard]] Metric score(const std::string& metric, double nats);

}  // namespace attnlab::data
