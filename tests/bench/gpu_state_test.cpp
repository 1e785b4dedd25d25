#include "framework/bench/gpu_state.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

namespace attnlab::bench {
namespace {

TEST(ThrottleWords, name_what_holds_clocks_down_and_nothing_else) {
  EXPECT_EQ(throttle_words(0), "no");
  EXPECT_EQ(throttle_words(1 | 2 | 16 | 256), "no");  // idle, and clocks that somebody set
  EXPECT_EQ(throttle_words(4), "power cap");
  EXPECT_EQ(throttle_words(4 | 8 | 32 | 64 | 128),
            "power cap + hardware slowdown + heat + heat of the hardware + power brake");
}

TEST(GpuState, says_why_it_is_unknown_where_there_is_no_driver) {
  if (dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL) != nullptr) GTEST_SKIP() << "a driver";
  EXPECT_EQ(gpu_state(""), "unknown: no libnvidia-ml.so.1");
}

}  // namespace
}  // namespace attnlab::bench
