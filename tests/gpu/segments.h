/// segments.h: plans on the device, and segment attention under one.
#pragma once

#include "framework/sparse/plans.h"
#include "tests/gpu/device.h"
#include "tests/support/tolerance.h"

namespace attnlab::test {

inline sparse::SegmentPlan on_device(sparse::SegmentPlan plan) {
  for (auto* tensor :
       {&plan.query_rows, &plan.key_rows, &plan.query_start, &plan.key_begin, &plan.key_end}) {
    *tensor = tensor->to(device());
  }
  return plan;
}

inline AttentionFunction attention(const sparse::SegmentPlan& plan) {
  return [plan](const auto& q, const auto& k, const auto& v) {
    return sparse::segment_attention(q, k, v, plan).out;
  };
}

}  // namespace attnlab::test
