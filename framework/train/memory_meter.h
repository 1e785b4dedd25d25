/// memory_meter.h: two peaks, because they answer two questions: what the tensors needed, and what
///   the machine had to give.
#pragma once

#include <cstdint>

namespace attnlab::train {

/// Puts a counter around LibTorch's CPU allocator. Call once, before the first tensor.
void install_counting_allocator();

/// Most bytes of CPU tensors alive at once since the start or reset_peaks(); 0 without a counter.
[[nodiscard]] std::int64_t allocator_peak_bytes();

/// Largest resident set of this process (VmHWM), LibTorch's own code and buffers included.
[[nodiscard]] std::int64_t process_peak_bytes();

/// Both peaks fall back to what is in use now. Where the kernel forbids it, the process peak stays.
void reset_peaks();

}  // namespace attnlab::train
