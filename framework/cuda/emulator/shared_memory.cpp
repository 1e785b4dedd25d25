#include "framework/cuda/emulator/shared_memory.h"

#include <algorithm>
#include <cstring>

#include "framework/cuda/emulator/emulator.h"

namespace attnlab::cuda::emulator {
namespace {

constexpr int kLanes = 32;
// A warp's last read of a cell: epoch * kRead + lane, or kSeveral for more than one lane.
constexpr std::uint32_t kRead = 64, kSeveral = 32;

std::string name(int thread) {
  return "thread " + std::to_string(thread) + " (warp " + std::to_string(thread / kLanes) + ")";
}

}  // namespace

SharedMemory::SharedMemory(std::uint32_t bytes)
    : bytes_(bytes, 0xff), cells_((bytes + kCell - 1) / kCell) {}

void SharedMemory::restart() {
  if (!touched_) return;
  touched_ = false;
  std::fill(bytes_.begin(), bytes_.end(), 0xff);
  std::fill(cells_.begin(), cells_.end(), Cell{});
}

void SharedMemory::check_range(std::uint32_t offset, std::uint32_t bytes) const {
  if (std::uint64_t{offset} + bytes > bytes_.size()) {
    fail("shared bytes " + std::to_string(offset) + " to " + std::to_string(offset + bytes) +
         " are out of range: the block has " + std::to_string(bytes_.size()));
  }
  if (offset % bytes != 0) {
    fail("shared offset " + std::to_string(offset) + " is not a multiple of the " +
         std::to_string(bytes) + " bytes accessed");
  }
}

void SharedMemory::expect_after_write(const Order& order, int thread, const Cell& cell,
                                      const char* verb, std::uint32_t offset) const {
  const int writer = cell.writer;
  if (!cell.written || writer == thread ||
      order.after(thread / kLanes, writer / kLanes, cell.write_epoch)) {
    return;
  }
  fail("race: " + name(thread) + " " + verb + " shared byte " + std::to_string(offset) +
       ", which " + name(writer) + " wrote, and no barrier lies between");
}

void SharedMemory::read(const Order& order, int thread, Cell& cell, std::uint32_t offset) {
  if (!cell.written)
    fail(name(thread) + " reads shared byte " + std::to_string(offset) + ", which nobody wrote");
  expect_after_write(order, thread, cell, "reads", offset);
  const int warp = thread / kLanes;
  const std::uint32_t lane = thread % kLanes, epoch = order.epoch(warp);
  std::uint32_t& last = cell.reads[warp];
  const bool again = last / kRead == epoch && last % kRead != lane;
  last = epoch * kRead + (again ? kSeveral : lane);
}

void SharedMemory::write(const Order& order, int thread, Cell& cell, std::uint32_t offset) {
  expect_after_write(order, thread, cell, "writes", offset);
  const int warp = thread / kLanes;
  if (cell.async_readers > 0) {
    fail("race: " + name(thread) + " writes shared byte " + std::to_string(offset) +
         ", which a wgmma that nobody waited for still reads");
  }
  for (int w = 0; w < order.warps(); ++w) {
    const std::uint32_t last = cell.reads[w];
    if (last == 0 || order.after(warp, w, last / kRead)) continue;
    if (w == warp && last % kRead == static_cast<std::uint32_t>(thread % kLanes)) continue;
    fail("race: " + name(thread) + " writes shared byte " + std::to_string(offset) +
         ", which warp " + std::to_string(w) + " read, and no barrier lies between");
  }
  cell.written = true;
  cell.writer = static_cast<std::uint16_t>(thread);
  cell.write_epoch = order.epoch(warp);
}

std::uint8_t* SharedMemory::access(const Order& order, int thread, Access access,
                                   std::uint32_t offset, std::uint32_t bytes) {
  check_range(offset, bytes);
  touched_ = true;
  for (std::uint32_t i = offset / kCell; i < (offset + bytes + kCell - 1) / kCell; ++i) {
    Cell& cell = cells_[i];
    if (cell.copying) {
      fail(name(thread) + " touches shared byte " + std::to_string(i * kCell) +
           ", to which an asynchronous copy is still under way");
    }
    if (access == Access::read) {
      read(order, thread, cell, i * kCell);
    } else {
      write(order, thread, cell, i * kCell);
    }
  }
  return bytes_.data() + offset;
}

void SharedMemory::begin_copy(const Order& order, int thread, std::uint32_t offset) {
  std::uint8_t* const to = access(order, thread, Access::write, offset, 16);
  std::memset(to, 0xff, 16);
  for (std::uint32_t i = 0; i < 16 / kCell; ++i) cells_[offset / kCell + i].copying = true;
}

void SharedMemory::arrived(const Order& order, int thread, std::uint32_t offset, const void* from) {
  for (std::uint32_t i = 0; i < 16 / kCell; ++i) cells_[offset / kCell + i].copying = false;
  std::memcpy(access(order, thread, Access::write, offset, 16), from, 16);
}

void SharedMemory::arrived_late(std::uint32_t epoch, int thread, std::uint32_t offset,
                                const void* from) {
  for (std::uint32_t i = 0; i < 16 / kCell; ++i) {
    Cell& cell = cells_[offset / kCell + i];
    cell.copying = false;
    cell.written = true;
    cell.writer = static_cast<std::uint16_t>(thread);
    cell.write_epoch = epoch;
  }
  std::memcpy(bytes_.data() + offset, from, 16);
}

void SharedMemory::begin_async_read(const Order& order, int warp, std::uint32_t offset) {
  const int thread = warp * kLanes;
  (void)access(order, thread, Access::read, offset, 16);
  for (std::uint32_t i = offset / kCell; i < (offset + 16) / kCell; ++i) {
    Cell& cell = cells_[i];
    if (!order.fenced(warp, cell.writer / kLanes, cell.write_epoch)) {
      fail("wgmma of warp " + std::to_string(warp) + " reads shared byte " +
           std::to_string(i * kCell) + ", which " + name(cell.writer) +
           " wrote, and no fence.proxy.async lies between");
    }
    ++cell.async_readers;
  }
}

const std::uint8_t* SharedMemory::end_async_read(const Order& order, int warp,
                                                 std::uint32_t offset) {
  for (std::uint32_t i = offset / kCell; i < (offset + 16) / kCell; ++i) {
    --cells_[i].async_readers;
    cells_[i].reads[warp] = order.epoch(warp) * kRead + kSeveral;
  }
  return bytes_.data() + offset;
}

}  // namespace attnlab::cuda::emulator
