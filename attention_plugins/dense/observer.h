/// observer.h: which operator scaled_dot_product_attention dispatched to.
///   The choice hangs on device, dtype, shape, strides and gradients, and is LibTorch's own. A
///   RecordFunction callback listens during the first call of each kind; later ones cost a lookup.
#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <map>
#include <string>
#include <tuple>

#include "framework/attention/attention.h"

namespace attnlab::dense {

class KernelObserver {
 public:
  /// Runs `compute`, listening if a call of this kind has not been seen.
  at::Tensor observe(const AttentionInput& input, const std::function<at::Tensor()>& compute);
  /// The operator of the last call: "_scaled_dot_product_flash_attention_for_cpu".
  [[nodiscard]] const std::string& last() const { return last_; }

 private:
  using CallKind = std::tuple<at::DeviceType, at::ScalarType, std::vector<std::int64_t>, bool>;
  std::map<CallKind, std::string> seen_;
  std::string last_ = "not run yet";
};

}  // namespace attnlab::dense
