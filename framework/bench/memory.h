/// memory.h: bytes of tensors on the device that is timed.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace attnlab::bench {

/// The peak falls back to what is in use now.
void reset_memory(at::Device device);

/// Most bytes of tensors alive at once since then: on a CPU by the counting allocator (0 where it
/// is not installed), on a GPU by LibTorch's caching allocator.
[[nodiscard]] std::int64_t peak_memory(at::Device device);

}  // namespace attnlab::bench
