#include "framework/train/memory_meter.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <malloc.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <string>

namespace attnlab::train {
namespace {

std::atomic<std::int64_t> in_use{0};
std::atomic<std::int64_t> peak{0};

void count(std::int64_t bytes) {
  const auto now = in_use.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  auto highest = peak.load(std::memory_order_relaxed);
  while (now > highest && !peak.compare_exchange_weak(highest, now, std::memory_order_relaxed)) {
  }
}

// malloc knows the size of its blocks, so none has to be stored beside them; that also keeps data
// pointer and context equal, which LibTorch's raw_allocate() asks for.
void counted_free(void* block) {
  count(-static_cast<std::int64_t>(malloc_usable_size(block)));
  c10::free_cpu(block);
}

class CountingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    void* const block = bytes == 0 ? nullptr : c10::alloc_cpu(bytes);
    if (block != nullptr) count(static_cast<std::int64_t>(malloc_usable_size(block)));
    return {block, block, &counted_free, at::Device(at::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &counted_free; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }
};

}  // namespace

void install_counting_allocator() {
  static CountingAllocator allocator;
  c10::SetCPUAllocator(&allocator, /*priority=*/1);
}

std::int64_t allocator_peak_bytes() { return peak.load(); }

std::int64_t process_peak_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != "VmHWM:") continue;
    std::int64_t kib = 0;
    status >> kib;
    return kib * 1024;
  }
  return 0;
}

void reset_peaks() {
  peak = in_use.load();
  std::ofstream("/proc/self/clear_refs") << "5";  // 5: reset VmHWM
}

}  // namespace attnlab::train
