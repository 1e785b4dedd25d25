/// barriers.h: mbarriers in a block's shared memory. A phase ends when as many have arrived as the
///   barrier expects; asynchronous copies can be among them.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "framework/cuda/emulator/shared_memory.h"

namespace attnlab::cuda::emulator {

struct AsyncCopy {
  std::uint32_t offset;
  const void* from;  // null: zeros
  int thread;
};

class Barriers {
 public:
  void restart() { barriers_.clear(); }
  void init(std::uint32_t at, int count);
  /// One arrival. Returns the warps (a bit each) that this wakes.
  std::uint32_t arrive(Order& order, std::uint32_t at, int warp);
  /// An arrival for every lane of the warp, as soon as these copies are there. That is when
  /// somebody waits: not before.
  std::uint32_t arrive_with(Order& order, SharedMemory& memory, std::uint32_t at, int warp,
                            std::vector<AsyncCopy> copies);
  /// Whether the phase of this parity is over; else the warp is among those that wait.
  bool wait(Order& order, SharedMemory& memory, std::uint32_t at, int warp, int parity);

 private:
  struct Copies {
    std::vector<AsyncCopy> list;
    std::uint32_t epoch;  // of the warp when it began them
    Order::Signal signal;
  };
  struct Barrier {
    int expected = 0, pending = 0, parity = 0;  // of the phase under way
    Order::Signal open, done;
    std::vector<Copies> copies;
    std::uint32_t waiting = 0;  // warps
  };
  Barrier& barrier(std::uint32_t at);
  static void deliver(SharedMemory& memory, Barrier& barrier);
  static void count(Barrier& barrier, int arrivals, const Order::Signal& signal);
  static std::uint32_t wake(Order& order, Barrier& barrier, int parity_before);

  std::map<std::uint32_t, Barrier> barriers_;
};

}  // namespace attnlab::cuda::emulator
