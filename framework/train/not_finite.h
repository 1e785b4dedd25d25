/// not_finite.h: what is said of a step whose numbers left the range of floats.
#pragma once

#include <cstdint>
#include <string>

namespace attnlab::train {

struct StepNumbers {
  double loss, auxiliary, gradient_norm;  // at least one of them is not finite
};

/// `step` steps were done before; `last`: the last loss that was finite, NaN where there was none.
[[nodiscard]] std::string not_finite(const StepNumbers& numbers, std::int64_t step, double last);

}  // namespace attnlab::train
