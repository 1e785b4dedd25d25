// changes_process.cpp: has LibTorch use seven threads from its first forward pass on.
#include <ATen/Parallel.h>

#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct ChangesProcess final : broken::Base {
  using Base::Base;
  at::Tensor finish(const at::Tensor& output, const AttentionInput&) override {
    at::set_num_threads(7);
    return output;
  }
};

}  // namespace

BROKEN_PLUGIN("changes_process", ChangesProcess, (broken::kTraits))

}  // namespace attnlab
