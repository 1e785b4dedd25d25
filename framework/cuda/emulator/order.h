/// order.h: what barriers, mbarriers and fences have put in order (vector clocks, one component a
///   warp). An event of warp w bears w's epoch at that time.
#pragma once

#include <array>
#include <cstdint>

namespace attnlab::cuda::emulator {

inline constexpr int kMostWarps = 12;  // of a block
using Clock = std::array<std::uint32_t, kMostWarps>;

class Order {
 public:
  /// What an mbarrier's phase carries from those who arrived to those who waited.
  struct Signal {
    Clock seen{}, fenced{};
  };

  /// A new block, whose epochs go on from the last one's, so that nobody need forget those.
  void restart(int warps);
  /// Events up to this epoch are another block's.
  [[nodiscard]] std::uint32_t began_at() const { return began_at_; }
  [[nodiscard]] int warps() const { return warps_; }
  [[nodiscard]] std::uint32_t epoch(int warp) const { return epoch_[warp]; }
  /// Whether an event of `other` at `epoch` comes before whatever `warp` does now.
  [[nodiscard]] bool after(int warp, int other, std::uint32_t epoch) const {
    return warp == other ? epoch < epoch_[warp] : epoch <= known_[warp].seen[other];
  }
  /// Whether a fence.proxy.async stands between that event and what `warp` does now.
  [[nodiscard]] bool fenced(int warp, int other, std::uint32_t epoch) const {
    return epoch <= known_[warp].fenced[other];
  }
  /// These warps (a bit each) have met: what each did before comes before what any does now.
  void meet(std::uint32_t warps);
  /// fence.proxy.async: of all that comes before what `warp` does now.
  void fence(int warp);
  /// All that comes before what `warp` does now comes before what those do who acquire it.
  void release(int warp, Signal& to);
  void acquire(int warp, const Signal& from);

 private:
  int warps_ = 0;
  std::uint32_t began_at_ = 0;
  Clock epoch_{};
  std::array<Signal, kMostWarps> known_{};
};

}  // namespace attnlab::cuda::emulator
