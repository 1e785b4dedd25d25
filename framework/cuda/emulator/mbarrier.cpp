// The mbarriers of a block: arrivals are counted, phases have parities, waiting threads sleep.
#include "framework/cuda/emulator/block.h"

namespace attnlab::cuda::emulator {

Block::Phase& Block::phase(std::uint32_t offset) {
  const auto found = phases_.find(offset);
  if (found == phases_.end()) {
    fail("no mbarrier was started at shared byte " + std::to_string(offset));
  }
  return found->second;
}

void Block::barrier_start(std::uint32_t offset, int arrivals) {
  constexpr std::uint8_t kOpaque[8] = {};
  std::copy_n(kOpaque, 8, shared(Access::write, offset, 8));
  phases_[offset] = {};
  phases_[offset].expected = phases_[offset].pending = arrivals;
}

void Block::barrier_arrive(std::uint32_t offset) {
  Phase& phase = this->phase(offset);
  order_.release(current_ / 32, phase.arriving);
  if (--phase.pending > 0) return;
  phase.complete = phase.arriving;
  phase.pending = phase.expected;
  phase.parity ^= 1;
  for (const int t : phase.waiting) go_on(t);
  phase.waiting.clear();
}

// The copies may take until somebody waits for this barrier: then they are there.
void Block::barrier_arrive_after_copies(std::uint32_t offset) {
  copy_commit();
  Phase& phase = this->phase(offset);
  phase.owed.push_back(current_);
  for (const int t : phase.waiting) go_on(t);
  phase.waiting.clear();
}

void Block::deliver_owed(Phase& phase) {
  const int self = current_;
  const auto owed = std::move(phase.owed);
  phase.owed.clear();
  for (const int t : owed) {
    current_ = t;
    copy_wait(0);
    for (auto& [offset, other] : phases_) {
      if (&other == &phase) barrier_arrive(offset);
    }
  }
  current_ = self;
}

void Block::barrier_wait(std::uint32_t offset, int parity) {
  Phase& phase = this->phase(offset);
  deliver_owed(phase);
  while (phase.parity == parity) {
    phase.waiting.push_back(current_);
    leave("an mbarrier");
    deliver_owed(phase);
  }
  order_.acquire(current_ / 32, phase.complete);
}

}  // namespace attnlab::cuda::emulator
