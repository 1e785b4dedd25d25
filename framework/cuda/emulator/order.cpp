#include "framework/cuda/emulator/order.h"

#include <algorithm>

#include "framework/cuda/emulator/emulator.h"

namespace attnlab::cuda::emulator {
namespace {

void join(Clock& to, const Clock& from) {
  for (std::size_t w = 0; w < from.size(); ++w) to[w] = std::max(to[w], from[w]);
}

}  // namespace

void Order::restart(int warps) {
  warps_ = warps;
  began_at_ = *std::max_element(epoch_.begin(), epoch_.end());
  if (began_at_ > 1U << 25) fail("more barriers in one launch than the emulator counts");
  epoch_.fill(began_at_ + 1);
  known_.fill({});
}

void Order::meet(std::uint32_t warps) {
  Signal joined;
  for (int w = 0; w < warps_; ++w) {
    if ((warps >> w & 1) == 0) continue;
    join(joined.seen, known_[w].seen);
    join(joined.fenced, known_[w].fenced);
    joined.seen[w] = std::max(joined.seen[w], epoch_[w]);
  }
  for (int w = 0; w < warps_; ++w) {
    if ((warps >> w & 1) == 0) continue;
    known_[w] = joined;
    ++epoch_[w];
  }
}

void Order::fence(int warp) {
  known_[warp].seen[warp] = epoch_[warp];
  join(known_[warp].fenced, known_[warp].seen);
  ++epoch_[warp];
}

void Order::release(int warp, Signal& to) {
  known_[warp].seen[warp] = epoch_[warp];
  join(to.seen, known_[warp].seen);
  join(to.fenced, known_[warp].fenced);
  ++epoch_[warp];
}

void Order::acquire(int warp, const Signal& from) {
  join(known_[warp].seen, from.seen);
  join(known_[warp].fenced, from.fenced);
}

}  // namespace attnlab::cuda::emulator
