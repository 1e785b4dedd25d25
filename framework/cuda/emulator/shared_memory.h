/// shared_memory.h: a block's shared memory, with a memory of who touched what.
///   Order between threads is what barriers made of it (vector clocks, one component a warp): an
///   access that is not ordered after another warp's write, or a write not ordered after another
///   warp's read, is a race, whatever order the threads happened to run in. So is one between lanes
///   of a warp without sync_warp. Remembered per four bytes, which is the least that may be
///   written. What wgmma reads it reads through the asynchronous proxy, from its start to its wait:
///   only what a fence.proxy.async has made visible there, and nobody may write it meanwhile.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/cuda/emulator/order.h"

namespace attnlab::cuda::emulator {

enum class Access { read, write };

class SharedMemory {
 public:
  SharedMemory(std::uint32_t bytes, int warps);

  std::uint8_t* access(const Order& order, int thread, Access access, std::uint32_t offset,
                       std::uint32_t bytes);
  /// A copy into these 16 bytes is under way until arrived(); nobody may touch them.
  void begin_copy(const Order& order, int thread, std::uint32_t offset);
  void arrived(const Order& order, int thread, std::uint32_t offset, const void* from);
  /// The same where the thread went on since it began the copies, at `epoch`.
  void arrived_late(std::uint32_t epoch, int thread, std::uint32_t offset, const void* from);
  /// 16 bytes that a product of `warp` reads between these two calls; the second one returns them.
  void begin_async_read(const Order& order, int warp, std::uint32_t offset);
  const std::uint8_t* end_async_read(const Order& order, int warp, std::uint32_t offset);

 private:
  static constexpr std::uint32_t kCell = 4;
  /// The last write of a cell. One of an earlier block (Order::began_at) is none.
  struct Write {
    std::uint32_t epoch = 0;
    std::uint16_t thread = 0;
    bool copying = false;
    std::uint8_t async_readers = 0;
  };
  void check_range(std::uint32_t offset, std::uint32_t bytes) const;
  void read(const Order& order, int thread, std::size_t cell);
  void write(const Order& order, int thread, std::size_t cell);

  std::vector<std::uint8_t> bytes_;
  std::vector<Write> writes_;  // by cell
  std::vector<std::vector<std::uint32_t>>
      reads_;  // by warp and cell: epoch * 64 + lane of the last
};

}  // namespace attnlab::cuda::emulator
