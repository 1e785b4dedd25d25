#include "framework/sparse/plan_listener.h"

#include <utility>

namespace attnlab::sparse {
namespace {

thread_local PlanListener* innermost = nullptr;

}  // namespace

PlanListener::PlanListener(std::function<void(const SegmentPlan&)> hear)
    : hear_(std::move(hear)), outer_(std::exchange(innermost, this)) {}

PlanListener::~PlanListener() { innermost = outer_; }

void tell_listener(const SegmentPlan& plan) {
  if (innermost != nullptr) innermost->hear_(plan);
}

}  // namespace attnlab::sparse
