/// all.h: the properties, one object each, in files named after them.
#pragma once

#include "framework/conformance/property.h"

namespace attnlab::conformance {

extern const Property kParameters, kOutput, kUnwritten, kBounds, kInputs, kLayout;
extern const Property kCausality, kSoftmax, kFutureValues, kFuturePattern, kPoison;
extern const Property kGradients, kFiniteDifferences, kDense;
extern const Property kDeterminism, kSeed, kBatch, kEvaluation, kMemory;

}  // namespace attnlab::conformance
