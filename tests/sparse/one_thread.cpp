// Small tensors: one thread unless a test asks for more, so that a busy machine stays quick.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

namespace {

class OneThread : public testing::Environment {
  void SetUp() override { at::set_num_threads(1); }
};
const auto* const registered = testing::AddGlobalTestEnvironment(new OneThread);

}  // namespace
