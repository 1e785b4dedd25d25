/// guard_allocator.h: LibTorch's CPU allocator, made suspicious. Every block is filled before it is
///   handed out and stands between two zones that nobody may write to.
#pragma once

#include <cstdint>
#include <string>

namespace attnlab::conformance {

/// What a fresh block holds. Results may not depend on it.
enum class Fill { zero, nan, large };

/// From here on tensors on the CPU come from it. `limit`: bytes alive at once, 0: none; beyond it
/// an allocation throws c10::OutOfMemoryError.
void install_guard_allocator(std::int64_t limit);

void set_fill(Fill fill);

/// Empty, or what was written outside of a block since the last call: "4 bytes, 0 bytes after the
/// end of a block of 512 bytes". Looks at every block that lives and at all that were freed.
[[nodiscard]] std::string damage();

/// Bytes of blocks that live, and the most since reset_peak().
[[nodiscard]] std::int64_t live_bytes();
[[nodiscard]] std::int64_t peak_bytes();
void reset_peak();

}  // namespace attnlab::conformance
