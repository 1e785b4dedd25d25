#include "framework/cuda/emulator/barriers.h"

#include <algorithm>
#include <utility>

#include "framework/cuda/emulator/emulator.h"

namespace attnlab::cuda::emulator {
namespace {

alignas(16) constexpr std::uint8_t kZeros[16] = {};

}  // namespace

void Barriers::init(std::uint32_t at, int count) {
  Barrier made;
  made.expected = made.pending = count;
  barriers_[at] = made;
}

Barriers::Barrier& Barriers::barrier(std::uint32_t at) {
  const auto found = barriers_.find(at);
  if (found == barriers_.end()) {
    fail("no mbarrier was made at shared byte " + std::to_string(at));
  }
  return found->second;
}

void Barriers::count(Barrier& barrier, int arrivals, const Order::Signal& signal) {
  for (std::size_t w = 0; w < signal.seen.size(); ++w) {
    barrier.open.seen[w] = std::max(barrier.open.seen[w], signal.seen[w]);
    barrier.open.fenced[w] = std::max(barrier.open.fenced[w], signal.fenced[w]);
  }
  if (arrivals > barrier.pending) {
    fail("an mbarrier gets more arrivals in a phase than the " + std::to_string(barrier.expected) +
         " that it expects");
  }
  barrier.pending -= arrivals;
  if (barrier.pending > 0) return;
  barrier.pending = barrier.expected;
  barrier.parity ^= 1;
  barrier.done = std::exchange(barrier.open, {});
}

std::uint32_t Barriers::wake(Order& order, Barrier& barrier, int parity_before) {
  if (barrier.parity == parity_before) return 0;
  for (int w = 0; w < order.warps(); ++w) {
    if ((barrier.waiting >> w & 1) != 0) order.acquire(w, barrier.done);
  }
  return std::exchange(barrier.waiting, 0);
}

std::uint32_t Barriers::arrive(Order& order, std::uint32_t at, int warp) {
  Barrier& to = barrier(at);
  const int before = to.parity;
  Order::Signal signal;
  order.release(warp, signal);
  count(to, 1, signal);
  return wake(order, to, before);
}

void Barriers::deliver(SharedMemory& memory, Barrier& barrier) {
  for (auto& copies : std::exchange(barrier.copies, {})) {
    for (const AsyncCopy& copy : copies.list) {
      memory.arrived_late(copies.epoch, copy.thread, copy.offset,
                          copy.from == nullptr ? kZeros : copy.from);
    }
    count(barrier, 32, copies.signal);
  }
}

std::uint32_t Barriers::arrive_with(Order& order, SharedMemory& memory, std::uint32_t at, int warp,
                                    std::vector<AsyncCopy> copies) {
  Barrier& to = barrier(at);
  Copies late{std::move(copies), order.epoch(warp), {}};
  order.release(warp, late.signal);
  to.copies.push_back(std::move(late));
  if (to.waiting == 0) return 0;
  const int before = to.parity;
  deliver(memory, to);
  return wake(order, to, before);
}

bool Barriers::wait(Order& order, SharedMemory& memory, std::uint32_t at, int warp, int parity) {
  Barrier& to = barrier(at);
  deliver(memory, to);
  if (to.parity != parity) {
    order.acquire(warp, to.done);
    return true;
  }
  to.waiting |= 1U << warp;
  return false;
}

}  // namespace attnlab::cuda::emulator
