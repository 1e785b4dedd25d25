// The emulator's mbarriers: a producer hands tiles to products of a warpgroup, and what is left out
// on the way is caught, whatever order warps run in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "framework/cuda/gpu_sm90.h"
#include "tests/cuda/caught.h"

namespace attnlab::cuda {
namespace {

using testing::HasSubstr;

enum class Without { nothing, wait, proxy_fence, barrier, wait_before_writing };

/// A producer warpgroup and a consumer warpgroup around one tile of shared memory, twice.
struct Pipe {
  Without without = Without::nothing;
  std::vector<F16> rows = std::vector<F16>(2 * 64 * 64, F16{0x3c00});  // ones
  float first = 0;
};
constexpr std::uint32_t kFull = 16 * 1024, kEmpty = kFull + 8;

void produce(Pipe& pipe) {
  for (int turn = 0; turn < 2; ++turn) {
    if (turn > 0 && pipe.without != Without::barrier) gpu::barrier_wait(kEmpty, 0);
    for (int i = gpu::thread() % kWarpgroup; i < 64 * 8; i += kWarpgroup) {
      const auto row = static_cast<std::uint32_t>(i / 8), piece = static_cast<std::uint32_t>(i % 8);
      gpu::copy_async(row * 128 + (piece ^ row % 8) * 16, pipe.rows.data() + 64 * 64 * turn + 8 * i,
                      true);
    }
    gpu::copies_arrive(kFull);
  }
}
void consume(Pipe& pipe) {
  float sum[8][4];
  std::uint32_t ones[4] = {0x3c003c00, 0x3c003c00, 0x3c003c00, 0x3c003c00};
  for (int turn = 0; turn < 2; ++turn) {
    if (pipe.without != Without::wait) gpu::barrier_wait(kFull, turn);
    if (pipe.without != Without::proxy_fence) gpu::fence_proxy();
    gpu::products_fence(sum, ones);
    const auto rows = gpu::descriptor(0, 0, 1024, Swizzle::bytes_128);
    turn > 0 ? gpu::multiply_group_add<F16, true>(sum, ones, rows)
             : gpu::multiply_group<F16, true>(sum, ones, rows);
    gpu::products_commit();
    if (pipe.without == Without::wait_before_writing) gpu::barrier_arrive(kEmpty);
    gpu::products_wait<0>(sum);
    if (pipe.without != Without::wait_before_writing) gpu::barrier_arrive(kEmpty);
  }
  if (gpu::thread() == 0) pipe.first = sum[0][0];
}
std::string caught_in(Pipe& pipe) {
  const auto kernel = [&] {
    if (gpu::thread() == 0) {
      gpu::barrier_init(kFull, 128);
      gpu::barrier_init(kEmpty, 4);
    }
    gpu::sync_threads();
    gpu::warpgroup() == 1 ? produce(pipe) : consume(pipe);
  };
  return caught({1, 256, kEmpty + 8}, kernel);
}

TEST(EmulatedBarriers, hand_tiles_from_copies_to_products) {
  for (std::uint32_t seed = 0; seed < 4; ++seed) {
    emulator::set_seed(seed);
    Pipe pipe;
    EXPECT_EQ(caught_in(pipe), "");
    EXPECT_EQ(pipe.first, 32);
  }
}

TEST(EmulatedBarriers, catch_what_is_left_out) {
  struct Case {
    Without without;
    const char* message;
  };
  for (const auto& [without, message] : {
           Case{Without::wait, "shared byte"},
           Case{Without::barrier, "shared byte"},
           Case{Without::proxy_fence, "no fence.proxy.async lies between"},
           Case{Without::wait_before_writing, "race: thread"},
       }) {
    for (std::uint32_t seed = 0; seed < 8; ++seed) {
      emulator::set_seed(seed);
      Pipe pipe;
      pipe.without = without;
      EXPECT_THAT(caught_in(pipe), HasSubstr(message)) << static_cast<int>(without);
    }
  }
}

TEST(EmulatedBarriers, catch_waits_that_never_end_and_arrivals_too_many) {
  const auto with = [](int count, auto&& then) {
    return caught({1, 128, 8}, [&] {
      if (gpu::thread() == 0) gpu::barrier_init(0, count);
      gpu::sync_threads();
      then();
    });
  };
  EXPECT_THAT(with(5, [] { gpu::barrier_arrive(0), gpu::barrier_wait(0, 0); }),
              HasSubstr("threads wait for ever: thread 0 at an mbarrier"));
  EXPECT_EQ(with(4, [] { gpu::barrier_arrive(0), gpu::barrier_wait(0, 0); }), "");
  EXPECT_THAT(with(31, [] { gpu::copies_arrive(0), gpu::barrier_wait(0, 0); }),
              HasSubstr("more arrivals in a phase than the 31"));
  EXPECT_THAT(caught({1, 128, 8}, [] { gpu::barrier_wait(0, 0); }),
              HasSubstr("which nobody wrote"));
}

}  // namespace
}  // namespace attnlab::cuda
