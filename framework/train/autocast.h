/// autocast.h: bfloat16 products for the time of a scope; weights and sums stay float32.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/config/run_config.h"

namespace attnlab::train {

/// Does nothing for Precision::float32. Leaving the scope drops the cached casts of the weights.
class AutocastScope {
 public:
  AutocastScope(config::Precision precision, at::DeviceType device);
  ~AutocastScope();
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  bool active_;
  at::DeviceType device_;
};

}  // namespace attnlab::train
