// right.cpp: wrong nowhere: the suite must not cry wolf.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Right final : broken::Base {
  using Base::Base;
};

}  // namespace

BROKEN_PLUGIN("right", Right, (broken::kTraits))

}  // namespace attnlab
