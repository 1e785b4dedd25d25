// refuses_all.cpp: right, and for one length alone.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct RefusesAll final : broken::Base {
  using Base::Base;
  static std::string refuses(const AttentionShape& shape, const broken::NoConfig&) {
    return shape.max_length == 512 ? "" : "T must be 512";
  }
};

}  // namespace

BROKEN_PLUGIN("refuses_all", RefusesAll, (broken::kTraits))

}  // namespace attnlab
