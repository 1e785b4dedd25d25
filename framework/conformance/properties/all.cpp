#include "framework/conformance/properties/all.h"

#include <array>

namespace attnlab::conformance {

std::span<const Property> properties() {
  static const std::array all{
      kParameters, kOutput,    kUnwritten,         kBounds,       kInputs,
      kLayout,     kCausality, kSoftmax,           kFutureValues, kFuturePattern,
      kPoison,     kGradients, kFiniteDifferences, kDense,        kDeterminism,
      kSeed,       kBatch,     kEvaluation,        kMemory};
  return all;
}

}  // namespace attnlab::conformance
