#include "framework/train/autocast.h"

#include <ATen/autocast_mode.h>

namespace attnlab::train {

AutocastScope::AutocastScope(config::Precision precision, at::DeviceType device)
    : active_(precision == config::Precision::bfloat16), device_(device) {
  if (!active_) return;
  at::autocast::set_autocast_dtype(device_, at::kBFloat16);
  at::autocast::set_autocast_enabled(device_, true);
  at::autocast::increment_nesting();
}

AutocastScope::~AutocastScope() {
  if (!active_) return;
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, false);
}

}  // namespace attnlab::train
