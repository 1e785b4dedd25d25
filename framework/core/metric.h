/// metric.h: one number, what it means, and where it goes.
///   The trainer knows a MetricSink; the store is one. They meet nowhere else.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace attnlab {

enum class Goal { none, minimise, maximise };

/// What a key means. Keys are lower_snake with `/` groups: "val/bits_per_dim".
struct MetricKey {
  std::string name;
  std::string unit;  // "bits", "nats", "s", "tokens/s", "bytes", "" for a bare number
  Goal goal = Goal::none;
};

struct Metric {
  MetricKey key;
  double value;  // NaN and infinities are kept
};

/// One logging event: everything that was known at one optimiser step.
struct MetricEvent {
  std::int64_t step = 0;
  std::int64_t tokens_seen = 0;
  double train_seconds = 0;  // since the first step, evaluation excluded
  std::vector<Metric> metrics;
};

/// Where numbers and facts go. Calls never block on a disk; implementations are thread-safe.
class MetricSink {
 public:
  virtual ~MetricSink() = default;
  virtual void add(MetricEvent event) = 0;
  /// A fact about the run in words: ("kernel", "scaled_dot_product_flash_attention_for_cpu").
  virtual void fact(std::string_view name, std::string_view text) = 0;
};

}  // namespace attnlab
