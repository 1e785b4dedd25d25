/// device_memory.h: memory that launchers and the test program both reach: the emulator's host
///   memory, or on a GPU managed memory. One implementation is linked.
#pragma once

#include <cstddef>

namespace attnlab::cuda::test {

/// Zero where there is no room. 16-byte aligned.
[[nodiscard]] void* allocate(std::size_t bytes);
void release(void* memory);
/// Whether so much is free. Managed memory beyond that can hang a GPU, touched or not.
[[nodiscard]] bool has_room(std::size_t bytes);
/// Waits for all work; fails the running test if some of it failed.
void finish();
/// Why the launchers cannot run here, "" if they can.
[[nodiscard]] const char* missing();

}  // namespace attnlab::cuda::test
