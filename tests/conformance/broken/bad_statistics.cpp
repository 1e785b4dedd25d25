// bad_statistics.cpp: a statistic that nobody can store.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Reports final : broken::Base {
  using Base::Base;
  AttentionOutput forward(const AttentionInput& input, const AttentionContext& context) override {
    auto result = Base::forward(input, context);
    if (!context.training) result.statistics = {{"load", "rows", std::nan("")}};
    return result;
  }
};

}  // namespace

BROKEN_PLUGIN("bad_statistics", Reports, (broken::kTraits))

}  // namespace attnlab
