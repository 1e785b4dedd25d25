/// guard.h: a CPU allocator that fills every block, puts canaries around it, and counts.
#pragma once

#include <cstdint>
#include <string>

namespace attnlab::conformance {

/// Puts it before LibTorch's CPU allocator. Once, before the first tensor.
void install_guard();

/// What new blocks are filled with from now on: 0xff makes every float a NaN.
void fill_with(unsigned char byte);

/// Empty, or what was written outside of a block since the last call.
[[nodiscard]] std::string overrun();

/// Most bytes alive at once since reset_peak().
[[nodiscard]] std::int64_t peak_bytes();
void reset_peak();

}  // namespace attnlab::conformance
