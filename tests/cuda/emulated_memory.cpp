#include <sys/mman.h>

#include <cstdlib>
#include <map>

#include "tests/cuda/device_memory.h"

namespace attnlab::cuda::test {
namespace {

constexpr std::size_t kLarge = std::size_t{1} << 30;

/// Sizes of what the sanitizer's allocator would fill with its own marks.
std::map<void*, std::size_t>& mapped() {
  static std::map<void*, std::size_t> all;
  return all;
}

}  // namespace

void* allocate(std::size_t bytes) {
  if (bytes < kLarge) return std::aligned_alloc(16, (bytes + 15) / 16 * 16);
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  mapped()[memory] = bytes;
  return memory;
}
void release(void* memory) {
  const auto found = mapped().find(memory);
  if (found == mapped().end()) return std::free(memory);
  munmap(memory, found->second);
  mapped().erase(found);
}
bool has_room(std::size_t) { return true; }  // only what is touched takes room
void finish() {}
const char* missing() { return ""; }

}  // namespace attnlab::cuda::test
