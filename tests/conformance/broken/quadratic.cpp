// quadratic.cpp: memory grows with T x T, and nothing says so.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Grows final : broken::Base {
  using Base::Base;
};

}  // namespace

BROKEN_PLUGIN("quadratic", Grows, (broken::kTraits & ~plugin::kQuadraticMemory))

}  // namespace attnlab
