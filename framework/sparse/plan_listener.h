/// plan_listener.h: lets a benchmark see the plans that a plugin hands to the engine.
#pragma once

#include <functional>

#include "framework/sparse/segment_plan.h"

namespace attnlab::sparse {

/// While one lives, it is told of every plan that segment_attention() takes on this thread. They
/// may be nested; the innermost hears.
class PlanListener {
 public:
  explicit PlanListener(std::function<void(const SegmentPlan&)> hear);
  ~PlanListener();
  PlanListener(const PlanListener&) = delete;
  PlanListener& operator=(const PlanListener&) = delete;

 private:
  friend void tell_listener(const SegmentPlan& plan);
  std::function<void(const SegmentPlan&)> hear_;
  PlanListener* outer_;
};

/// By segment_attention(); one look at a pointer where nobody listens.
void tell_listener(const SegmentPlan& plan);

}  // namespace attnlab::sparse
