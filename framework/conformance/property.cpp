#include "framework/conformance/property.h"

#include <array>

namespace attnlab::conformance {

std::span<const Property> properties() {
  static constexpr std::array all{
      Property{"parameters", "bad parameters get an error that names them", check_parameters, true},
      Property{"shapes",
               "outputs and gradients have their input's form and are finite, in every dtype",
               check_shapes},
      Property{"writes", "writes stay inside tensors, and nothing unwritten is used", check_writes},
      Property{"inputs", "inputs are not written to, and may have any strides", check_inputs},
      Property{"future", "a row's output and gradients do not depend on later rows", check_future},
      Property{"weights", "weights are a softmax of the scores over keys that causality allows",
               check_weights},
      Property{"dense", "with the sparsity off it is dense attention", check_dense},
      Property{"gradient", "gradients agree with finite differences", check_gradient},
      Property{"repeats", "equal calls give equal bits, in any order and with any threads",
               check_repeats},
      Property{"seed", "what is random depends on the run's seed", check_seed},
      Property{"batch", "a sequence's output does not depend on its place in the batch",
               check_batch},
      Property{"memory", "memory grows linearly with T, unless declared otherwise", check_memory,
               true},
  };
  return all;
}

}  // namespace attnlab::conformance
