/// score.h: a data set's measures from mean nats per scored token: the one place that defines them.
#pragma once

#include <string>
#include <vector>

#include "framework/core/metric.h"
#include "framework/data/dataset.h"

namespace attnlab::data {

/// The first part of a split's keys: "train", "val", "test".
[[nodiscard]] std::string prefix_of(Split split);

/// The loss, then the data set's metric, then bits per byte of text where the metric is another and
/// the bytes are known: "val/loss", "val/perplexity", "val/bits_per_byte". Lower is better.
/// bits_per_byte is nats / ln 2 over the bytes a token has on average; other bits_per_* are nats / ln 2;
/// perplexity is exp(nats). enwik8's tokens are bytes, which its literature calls characters, so its
/// bits_per_char is bits per byte as well.
[[nodiscard]] std::vector<Metric> scores(const DatasetInfo& info, Split split, double nats);
/// scores()[1]: what a run is compared by.
[[nodiscard]] Metric score(const DatasetInfo& info, Split split, double nats);

}  // namespace attnlab::data
