#include "framework/train/nccl_backend.h"

#define USE_C10D_NCCL
#include <torch/csrc/cuda/nccl.h>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <utility>

namespace {

constexpr std::chrono::milliseconds kNoLimit{std::chrono::hours(24)};

// Objects of c10d's hold structures of nccl.h, whose sizes differ from version to version.
void expect_nccl_of_libtorch() {
  constexpr std::uint64_t here = (std::uint64_t{NCCL_MAJOR} << 16) + NCCL_MINOR;
  const auto there = torch::cuda::nccl::version() >> 16;
  TORCH_CHECK(here == there, "built with nccl.h ", NCCL_MAJOR, ".", NCCL_MINOR, ", and LibTorch with ", there >> 16, ".",
              there & 0xffff, "; build attnlab with the header of that version");
}

// c10d's watchdog would end the process after a limit of its own, or wait in wait().
void leave_waiting_to_us() {
  for (const char* name : {"TORCH_NCCL_ASYNC_ERROR_HANDLING", "TORCH_NCCL_ENABLE_MONITORING", "TORCH_NCCL_BLOCKING_WAIT",
                           "TORCH_NCCL_DUMP_ON_TIMEOUT", "TORCH_NCCL_RETHROW_CUDA_ERRORS"}) {
    ::setenv(name, "0", 1);
  }
}

}  // namespace

void attnlab_nccl_backend(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size,
                          c10::intrusive_ptr<c10d::Backend>& backend) {
  expect_nccl_of_libtorch();
  leave_waiting_to_us();
  auto options = c10d::ProcessGroupNCCL::Options::create(/*is_high_priority_stream=*/true);
  options->timeout = kNoLimit;
  backend = c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, size, std::move(options));
}
