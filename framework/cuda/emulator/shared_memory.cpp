#include "framework/cuda/emulator/shared_memory.h"

#include <algorithm>
#include <cstring>

#include "framework/cuda/emulator/emulator.h"

namespace attnlab::cuda::emulator {
namespace {

constexpr int kLanes = 32;
// A warp's last read of a cell: epoch * kRead + lane, or kSeveral for more than one lane; 0: none.
constexpr std::uint32_t kRead = 64, kSeveral = 32;

std::string name(int thread) {
  return "thread " + std::to_string(thread) + " (warp " + std::to_string(thread / kLanes) + ")";
}
std::string byte(std::uint64_t offset) { return "shared byte " + std::to_string(offset); }

// What is wrong is told apart from where it is looked for, which happens for every access.
[[gnu::noinline, gnu::cold]] void fail_range(std::uint32_t offset, std::uint32_t bytes,
                                             std::size_t size) {
  fail("shared bytes " + std::to_string(offset) + " to " + std::to_string(offset + bytes) +
       " are out of range: the block has " + std::to_string(size));
}
[[gnu::noinline, gnu::cold]] void fail_alignment(std::uint32_t offset, std::uint32_t bytes) {
  fail("shared offset " + std::to_string(offset) + " is not a multiple of the " +
       std::to_string(bytes) + " bytes accessed at once");
}
[[gnu::noinline, gnu::cold]] void fail_copying(int thread, std::uint64_t offset) {
  fail(name(thread) + " touches " + byte(offset) +
       ", to which an asynchronous copy is still under way");
}
[[gnu::noinline, gnu::cold]] void fail_unwritten(int thread, std::uint64_t offset) {
  fail(name(thread) + " reads " + byte(offset) + ", which nobody wrote");
}
[[gnu::noinline, gnu::cold]] void fail_after_write(int thread, int writer, const char* verb,
                                                   std::uint64_t offset) {
  fail("race: " + name(thread) + " " + verb + " " + byte(offset) + ", which " + name(writer) +
       " wrote, and no barrier lies between");
}
[[gnu::noinline, gnu::cold]] void fail_after_read(int thread, int warp, std::uint64_t offset) {
  fail("race: " + name(thread) + " writes " + byte(offset) + ", which warp " +
       std::to_string(warp) + " read, and no barrier lies between");
}
[[gnu::noinline, gnu::cold]] void fail_async(int thread, std::uint64_t offset) {
  fail("race: " + name(thread) + " writes " + byte(offset) +
       ", which a wgmma that nobody waited for still reads");
}

}  // namespace

SharedMemory::SharedMemory(std::uint32_t bytes, int warps)
    : bytes_(bytes, 0xff),
      writes_((bytes + kCell - 1) / kCell),
      reads_(static_cast<std::size_t>(warps), std::vector<std::uint32_t>(writes_.size())) {}

inline void SharedMemory::check_range(std::uint32_t offset, std::uint32_t bytes) const {
  if (std::uint64_t{offset} + bytes > bytes_.size()) fail_range(offset, bytes, bytes_.size());
  const std::uint32_t at_once = std::min(bytes, 16U);  // the widest access there is
  if (offset % at_once != 0) fail_alignment(offset, at_once);
}

inline void SharedMemory::read(const Order& order, int thread, std::size_t cell) {
  const Write& last = writes_[cell];
  if (last.epoch <= order.began_at()) return fail_unwritten(thread, cell * kCell);
  if (last.copying) fail_copying(thread, cell * kCell);
  const int warp = thread / kLanes;
  if (last.thread != thread && !order.after(warp, last.thread / kLanes, last.epoch)) {
    fail_after_write(thread, last.thread, "reads", cell * kCell);
  }
  const std::uint32_t lane = thread % kLanes, epoch = order.epoch(warp);
  std::uint32_t& own = reads_[static_cast<std::size_t>(warp)][cell];
  const bool again = own / kRead == epoch && own % kRead != lane;
  own = epoch * kRead + (again ? kSeveral : lane);
}

inline void SharedMemory::write(const Order& order, int thread, std::size_t cell) {
  Write& last = writes_[cell];
  const int warp = thread / kLanes;
  if (last.epoch > order.began_at()) {
    if (last.copying) fail_copying(thread, cell * kCell);
    if (last.thread != thread && !order.after(warp, last.thread / kLanes, last.epoch)) {
      fail_after_write(thread, last.thread, "writes", cell * kCell);
    }
    if (last.async_readers > 0) fail_async(thread, cell * kCell);
  }
  for (int w = 0; w < order.warps(); ++w) {
    const std::uint32_t read = reads_[static_cast<std::size_t>(w)][cell], epoch = read / kRead;
    if (epoch <= order.began_at() || order.after(warp, w, epoch)) continue;
    if (w == warp && read % kRead == static_cast<std::uint32_t>(thread % kLanes)) continue;
    fail_after_read(thread, w, cell * kCell);
  }
  last = {order.epoch(warp), static_cast<std::uint16_t>(thread), false, 0};
}

std::uint8_t* SharedMemory::access(const Order& order, int thread, Access access,
                                   std::uint32_t offset, std::uint32_t bytes) {
  check_range(offset, bytes);
  const std::size_t end = (offset + bytes + kCell - 1) / kCell;
  if (access == Access::read) {
    for (std::size_t i = offset / kCell; i < end; ++i) read(order, thread, i);
  } else {
    if (bytes < kCell) fail("a write of fewer than 4 bytes; the emulator takes none");
    for (std::size_t i = offset / kCell; i < end; ++i) write(order, thread, i);
  }
  return bytes_.data() + offset;
}

void SharedMemory::begin_copy(const Order& order, int thread, std::uint32_t offset) {
  std::uint8_t* const to = access(order, thread, Access::write, offset, 16);
  std::memset(to, 0xff, 16);
  for (std::uint32_t i = 0; i < 16 / kCell; ++i) writes_[offset / kCell + i].copying = true;
}

void SharedMemory::arrived(const Order& order, int thread, std::uint32_t offset, const void* from) {
  for (std::uint32_t i = 0; i < 16 / kCell; ++i) writes_[offset / kCell + i].copying = false;
  std::memcpy(access(order, thread, Access::write, offset, 16), from, 16);
}

void SharedMemory::arrived_late(std::uint32_t epoch, int thread, std::uint32_t offset,
                                const void* from) {
  for (std::uint32_t i = 0; i < 16 / kCell; ++i) {
    Write& cell = writes_[offset / kCell + i];
    cell.copying = false;
    cell.thread = static_cast<std::uint16_t>(thread);
    cell.epoch = epoch;
  }
  std::memcpy(bytes_.data() + offset, from, 16);
}

void SharedMemory::begin_async_read(const Order& order, int warp, std::uint32_t offset) {
  const int thread = warp * kLanes;
  (void)access(order, thread, Access::read, offset, 16);
  for (std::uint32_t i = offset / kCell; i < (offset + 16) / kCell; ++i) {
    Write& last = writes_[i];
    if (!order.fenced(warp, last.thread / kLanes, last.epoch)) {
      fail("wgmma of warp " + std::to_string(warp) + " reads " + byte(i * kCell) + ", which " +
           name(last.thread) + " wrote, and no fence.proxy.async lies between");
    }
    ++last.async_readers;
  }
}

const std::uint8_t* SharedMemory::end_async_read(const Order& order, int warp,
                                                 std::uint32_t offset) {
  for (std::uint32_t i = offset / kCell; i < (offset + 16) / kCell; ++i) {
    --writes_[i].async_readers;
    reads_[static_cast<std::size_t>(warp)][i] = order.epoch(warp) * kRead + kSeveral;
  }
  return bytes_.data() + offset;
}

}  // namespace attnlab::cuda::emulator
