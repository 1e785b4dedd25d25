/// step_part.h: which part of a step the host is in, for train.profile.
#pragma once

#include <memory>

namespace at {
struct RecordFunction;
}

namespace attnlab::model {

/// While it lives, what the calling thread computes belongs to the part `name` ("attention", "mlp");
/// so does the backward pass of the operators that it records. Costs nanoseconds where nothing is
/// profiled. Parts do not nest.
class StepPart {
 public:
  explicit StepPart(const char* name);
  StepPart(const StepPart&) = delete;
  StepPart& operator=(const StepPart&) = delete;
  ~StepPart();

 private:
  std::unique_ptr<at::RecordFunction> record_;
};

}  // namespace attnlab::model
