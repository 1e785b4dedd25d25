#include "framework/model/step_part.h"

#include <ATen/SequenceNumber.h>
#include <ATen/record_function.h>

#include <utility>

namespace attnlab::model {

// The sequence number tells later which nodes of the graph were made in the part.
StepPart::StepPart(const char* name) {
  auto callbacks = at::getStepCallbacksUnlessEmpty(at::RecordScope::USER_SCOPE);
  if (!callbacks) return;
  record_ = std::make_unique<at::RecordFunction>(std::move(*callbacks));
  record_->before(name, static_cast<std::int64_t>(at::sequence_number::peek()));
}

StepPart::~StepPart() = default;

}  // namespace attnlab::model
