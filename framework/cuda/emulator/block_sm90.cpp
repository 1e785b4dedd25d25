// block_sm90.cpp: what threads of a block can do since compute capability 9.0.
#include <algorithm>

#include "framework/cuda/emulator/block.h"

namespace attnlab::cuda::emulator {
namespace {

constexpr int kLanes = 32;

}  // namespace

void Block::barrier_init(std::uint32_t at, int count) {
  (void)shared(Access::write, at, 8);
  barriers_.init(at, count);
}

/// An arrival by one lane after sync_warp.
bool Block::perform_barrier(Collective operation, int warp, const Parts& parts) {
  const Part& part = *parts[0];
  (void)memory_.access(order_, warp * kLanes, Access::read, part.offset, 8);
  std::uint32_t woken = 0;
  if (operation == Collective::barrier_wait) {
    for (int l = 0; l < kLanes; ++l) threads_[warp * kLanes + l].waits_for = "an mbarrier";
    return barriers_.wait(order_, memory_, part.offset, warp, part.lane);
  }
  if (operation == Collective::barrier_arrive) {
    order_.meet(1U << warp);
    woken = barriers_.arrive(order_, part.offset, warp);
  } else {
    woken = barriers_.arrive_with(order_, memory_, part.offset, warp, copies_of(warp));
  }
  for (std::size_t w = 0; w < warps_.size(); ++w) {
    if ((woken >> w & 1) != 0) warps_[w].ready = ~0U;
  }
  return true;
}

/// All copies that the lanes have begun and not waited for.
std::vector<AsyncCopy> Block::copies_of(int warp) {
  std::vector<AsyncCopy> copies;
  for (int t = warp * kLanes; t < (warp + 1) * kLanes; ++t) {
    Thread& thread = threads_[t];
    thread.groups.push_back(std::move(thread.open));
    thread.open.clear();
    for (const auto& group : thread.groups) {
      for (const Copy& copy : group) copies.push_back({copy.offset, copy.from, t});
    }
    thread.groups.clear();
  }
  return copies;
}

void Block::perform_products(Collective operation, int warp, const Parts& parts) {
  Products& products = products_[static_cast<std::size_t>(warp)];
  switch (operation) {
    case Collective::wgmma_fence:
      return products.fence();
    case Collective::wgmma_commit:
      return products.commit();
    case Collective::wgmma_wait:
      return products.wait(order_, memory_, warp, static_cast<std::size_t>(parts[0]->lane));
    default:
      break;
  }
  if (warp / 4 * 4 + 4 > static_cast<int>(warps_.size())) {
    fail("wgmma in a warp that has no warpgroup of four warps");
  }
  LaneProducts lanes;
  std::transform(parts.begin(), parts.end(), lanes.begin(), [](Part* part) { return part->wgmma; });
  counts_.products += 1;
  products.start(order_, memory_, warp, lanes);
}

}  // namespace attnlab::cuda::emulator
