// ignores_strides.cpp: takes its query for contiguous.
#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Ignores final : broken::Base {
  using Base::Base;
  // Takes the numbers as they lie in memory.
  at::Tensor scores(const AttentionInput& input) override {
    const auto sizes = input.query.sizes();
    const std::vector<std::int64_t> strides{sizes[1] * sizes[2] * sizes[3], sizes[2] * sizes[3],
                                            sizes[3], 1};
    return Base::scores({input.query.as_strided(sizes, strides), input.key, input.value, {}});
  }
};

}  // namespace

BROKEN_PLUGIN("ignores_strides", Ignores, (broken::kTraits))

}  // namespace attnlab
