#include "framework/train/schedule.h"

#include <cmath>
#include <numbers>

namespace attnlab::train {
namespace {

double cosine(double from, double to, double share) {
  return to + (from - to) / 2 * (1 + std::cos(std::numbers::pi * share));
}

}  // namespace

double learning_rate(const config::TrainConfig& config, std::int64_t step) {
  const double peak = config.learning_rate;
  const double first = peak / config.initial_divisor;
  const double last = first / config.final_divisor;
  const double now = static_cast<double>(step);
  const double end = static_cast<double>(config.steps) - 1;
  const double top = config.warmup_share * static_cast<double>(config.steps) - 1;
  if (top > 0 && now <= top) return cosine(first, peak, now / top);
  if (end <= top) return peak;  // no falling part: warmup_share is 1, or a single step
  return cosine(peak, last, (now - top) / (end - top));
}

}  // namespace attnlab::train
