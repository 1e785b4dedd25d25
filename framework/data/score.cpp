#include "framework/data/score.h"

#include <array>
#include <cmath>
#include <numbers>

#include "framework/core/error.h"

namespace attnlab::data {
namespace {

constexpr const char* kBitsPerByte = "bits_per_byte";

Metric bits(const std::string& key, double nats) {
  return {{key, "bits", Goal::minimise}, nats / std::numbers::ln2};
}

double bytes_per_token(const DatasetInfo& info, Split split) {
  return split == Split::train ? info.train_bytes_per_token : info.bytes_per_token;
}

}  // namespace

std::string prefix_of(Split split) {
  constexpr std::array kPrefixes{"train", "val", "test"};
  return kPrefixes[static_cast<std::size_t>(split)];
}

Metric score(const DatasetInfo& info, Split split, double nats) {
  const auto key = prefix_of(split) + "/" + info.metric;
  if (info.metric == kBitsPerByte) return bits(key, nats / bytes_per_token(info, split));
  if (info.metric.starts_with("bits_per_")) return bits(key, nats);
  if (info.metric == "perplexity") return {{key, "", Goal::minimise}, std::exp(nats)};
  throw Error("unknown metric '" + info.metric + "' of a data set; expected bits_per_* or perplexity.");
}

std::vector<Metric> scores(const DatasetInfo& info, Split split, double nats) {
  std::vector<Metric> all{{{prefix_of(split) + "/loss", "nats", Goal::minimise}, nats}, score(info, split, nats)};
  const double bytes = bytes_per_token(info, split);
  if (info.metric == "perplexity" && bytes > 0) {
    all.push_back(bits(prefix_of(split) + "/" + kBitsPerByte, nats / bytes));
  }
  return all;
}

}  // namespace attnlab::data
