#include "framework/bench/memory.h"

#include <ATen/ATen.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <malloc.h>

#include "framework/bench/clock.h"
#include "framework/train/memory_meter.h"

namespace attnlab::bench {

void reset_memory(at::Device device) {
  malloc_trim(0);  // what was freed goes back, so that the process's peak does not count it
  train::reset_peaks();
  if (device.is_cpu()) return;
  static_cast<void>(at::empty({1}, at::device(device)));  // the allocator begins with a tensor
  synchronise(device);
  c10::getDeviceAllocator(device.type())->resetPeakStats(device.index());
}

std::int64_t peak_memory(at::Device device) {
  if (device.is_cpu()) return train::allocator_peak_bytes();
  synchronise(device);
  constexpr auto kAll = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  const auto stats = c10::getDeviceAllocator(device.type())->getDeviceStats(device.index());
  return stats.allocated_bytes[kAll].peak;
}

}  // namespace attnlab::bench
