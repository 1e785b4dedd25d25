/// shared_memory.h: a block's shared memory, with a memory of who touched what.
///   Order between threads is what barriers made of it (vector clocks, one component a warp): an
///   access that is not ordered after another warp's write, or a write not ordered after another
///   warp's read, is a race, whatever order the threads happened to run in. So is one between lanes
///   of a warp without sync_warp. Remembered per two bytes.
///   What wgmma reads it reads through the asynchronous proxy, from its start to its wait: only
///   what a fence.proxy.async has made visible there, and nobody may write it meanwhile.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "framework/cuda/emulator/order.h"

namespace attnlab::cuda::emulator {

enum class Access { read, write };

class SharedMemory {
 public:
  explicit SharedMemory(std::uint32_t bytes);
  /// Forgets everything: a new block's shared memory holds NaN patterns that nobody may read.
  void restart();

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
  static constexpr std::uint32_t kCell = 2;
  struct Cell {
    bool written = false, copying = false;
    std::uint16_t writer = 0;  // thread
    std::uint16_t async_readers = 0;
    std::uint32_t write_epoch = 0;
    std::array<std::uint32_t, kMostWarps> reads{};  // epoch * 64 + lane of the last, 0: none
  };
  void check_range(std::uint32_t offset, std::uint32_t bytes) const;
  void read(const Order& order, int thread, Cell& cell, std::uint32_t offset);
  void write(const Order& order, int thread, Cell& cell, std::uint32_t offset);
  void expect_after_write(const Order& order, int thread, const Cell& cell, const char* verb,
                          std::uint32_t offset) const;

  bool touched_ = false;  // since restart(), which most blocks of a ragged grid leave as it was
  std::vector<std::uint8_t> bytes_;
  std::vector<Cell> cells_;
};

}  // namespace attnlab::cuda::emulator
