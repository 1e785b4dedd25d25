#include "framework/train/not_finite.h"

#include <cmath>

#include "framework/core/text.h"

namespace attnlab::train {

std::string not_finite(const StepNumbers& numbers, std::int64_t step, double last) {
  const bool loss = !std::isfinite(numbers.loss), auxiliary = !std::isfinite(numbers.auxiliary);
  const auto what = loss        ? "the loss is "
                    : auxiliary ? "the attention's auxiliary loss is "
                                : "the gradient norm is ";
  const double value = loss ? numbers.loss : auxiliary ? numbers.auxiliary : numbers.gradient_norm;
  const auto before = std::isnan(last) ? "no step before it was finite"
                                       : "the loss of step " + std::to_string(step) + " was " +
                                             exact_number(last);
  return what + exact_number(value) + " at step " + std::to_string(step + 1) + " (" + before +
         "). Lower train.learning_rate, set train.grad_clip, or look at the attention's output.";
}

}  // namespace attnlab::train
