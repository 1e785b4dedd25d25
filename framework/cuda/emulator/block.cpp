#include "framework/cuda/emulator/block.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace attnlab::cuda::emulator {
namespace {

constexpr int kLanes = 32;
constexpr std::uint32_t kAll = ~0U;
alignas(16) constexpr std::uint8_t kZeros[16] = {};

}  // namespace

Block::Block(const Grid& grid, std::mt19937& random, Counts& counts)
    : threads_count_(grid.threads),
      blocks_(grid.blocks),
      random_(random),
      counts_(counts),
      memory_(grid.shared_bytes, grid.threads / kLanes),
      products_(static_cast<std::size_t>(grid.threads / kLanes)),
      threads_(new Thread[static_cast<std::size_t>(grid.threads)]),
      warps_(static_cast<std::size_t>(grid.threads / kLanes)) {}

void Block::run(std::int64_t index, const std::function<void()>& kernel) {
  index_ = index;
  kernel_ = &kernel;
  error_ = nullptr;
  order_.restart(threads_count_ / kLanes);
  barriers_.restart();
  for (auto& products : products_) products.restart();
  met_ = 0;
  running_ = threads_count_;
  vote_ = false;
  for (auto& warp : warps_) warp = {kAll, 0};
  for (int t = 0; t < threads_count_; ++t) {
    Thread& thread = threads_[t];
    thread.done = false;
    thread.open.clear();
    thread.groups.clear();
    thread.fiber.prepare(&Block::enter, this);
  }
  std::vector<int> ready;
  while (running_ > 0) {
    ready.clear();
    for (std::size_t w = 0; w < warps_.size(); ++w) {
      if (warps_[w].ready != 0) ready.push_back(static_cast<int>(w));
    }
    if (ready.empty()) report_deadlock();
    const int warp = ready[random_() % ready.size()];
    const auto turn = static_cast<int>(random_() % kLanes);
    const std::uint32_t lanes = std::rotr(warps_[static_cast<std::size_t>(warp)].ready, turn);
    current_ = warp * kLanes + (std::countr_zero(lanes) + turn) % kLanes;
    threads_[current_].fiber.run_instead_of(main_);
    if (error_ != nullptr) std::rethrow_exception(error_);
  }
}

void Block::enter(void* block) {
  auto* const self = static_cast<Block*>(block);
  try {
    (*self->kernel_)();
    self->expect_nothing_under_way();
  } catch (...) {
    self->error_ = std::current_exception();
  }
  self->finish();
}

void Block::expect_nothing_under_way() const {
  if (products_[static_cast<std::size_t>(current_ / kLanes)].any_under_way()) {
    fail("a thread ends while wgmma that it did not wait for is under way");
  }
}

void Block::finish() {
  Thread& thread = threads_[current_];
  thread.done = true;
  --running_;
  Warp& warp = warps_[static_cast<std::size_t>(current_ / kLanes)];
  warp.ready &= ~(1U << current_ % kLanes);
  if (error_ == nullptr && warp.ready != 0) {
    current_ = current_ / kLanes * kLanes + std::countr_zero(warp.ready);
    threads_[current_].fiber.run_instead_of(thread.fiber, true);
  }
  main_.run_instead_of(thread.fiber, true);
}

/// The current thread waits: another lane of its warp goes on, or the scheduler chooses.
void Block::leave(const char* waits_for) {
  Thread& thread = threads_[current_];
  const int self = current_, lane = current_ % kLanes;
  thread.waits_for = waits_for;
  Warp& warp = warps_[static_cast<std::size_t>(current_ / kLanes)];
  warp.ready &= ~(1U << lane);
  if (warp.ready == 0) {
    main_.run_instead_of(thread.fiber);
  } else {
    const int next = (std::countr_zero(std::rotr(warp.ready, lane)) + lane) % kLanes;
    current_ += next - lane;
    threads_[current_].fiber.run_instead_of(thread.fiber);
  }
  current_ = self;
}

void Block::report_deadlock() const {
  std::string text = "threads wait for ever:";
  for (int t = 0, named = 0; t < threads_count_ && named < 4; ++t) {
    const bool differs = t == 0 || threads_[t].done != threads_[t - 1].done ||
                         std::strcmp(threads_[t].waits_for, threads_[t - 1].waits_for) != 0;
    if (!differs) continue;
    text += " thread " + std::to_string(t) +
            (threads_[t].done ? " has ended;" : std::string(" at ") + threads_[t].waits_for + ";");
    ++named;
  }
  fail(text);
}

void Block::together(Collective operation, Part& part) {
  Thread& thread = threads_[current_];
  thread.operation = operation;
  thread.part = &part;
  const int index = current_ / kLanes;
  Warp& warp = warps_[static_cast<std::size_t>(index)];
  warp.waiting |= 1U << current_ % kLanes;
  if (warp.waiting != kAll) return leave("a warp-wide operation");
  warp.waiting = 0;
  if (!perform(operation, index)) return leave("an mbarrier");
  warp.ready = kAll;
}

bool Block::perform(Collective operation, int warp) {
  Parts parts;
  for (int l = 0; l < kLanes; ++l) {
    const Thread& thread = threads_[warp * kLanes + l];
    if (thread.operation != operation) fail("the lanes of a warp meet in different operations");
    parts[static_cast<std::size_t>(l)] = thread.part;
  }
  if (operation == Collective::sync || operation == Collective::proxy_fence) {
    operation == Collective::sync ? order_.meet(1U << warp) : order_.fence(warp);
    return true;
  }
  if (operation >= Collective::barrier_arrive && operation <= Collective::barrier_wait) {
    return perform_barrier(operation, warp, parts);
  }
  if (operation >= Collective::wgmma_fence) {
    perform_products(operation, warp, parts);
    return true;
  }
  if (operation == Collective::load_matrices || operation == Collective::load_matrices_transposed) {
    std::array<std::array<std::uint16_t, 8>, kLanes> rows;
    for (std::size_t l = 0; l < kLanes; ++l) {
      const int reader = warp * kLanes + static_cast<int>(l);
      std::memcpy(rows[l].data(),
                  memory_.access(order_, reader, Access::read, parts[l]->offset, 16), 16);
    }
    ++counts_.matrix_loads;
    counts_.bank_conflicts += bank_conflicts(parts);
    deal_matrices(rows, operation == Collective::load_matrices_transposed, parts);
    return true;
  }
  counts_.multiplies +=
      operation == Collective::multiply_bf16 || operation == Collective::multiply_f16;
  compute(operation, parts);
  return true;
}

void Block::meet() {
  if (static_cast<int>(++met_) < threads_count_) return leave("a block barrier");
  met_ = 0;
  for (auto& warp : warps_) warp.ready = kAll;
  order_.meet((1U << warps_.size()) - 1);
  const int self = current_;
  main_.run_instead_of(threads_[self].fiber);  // who arrives last has no head start
  current_ = self;
}

bool Block::any_thread(bool vote) {
  vote_ = vote_ || vote;
  meet();
  const bool any = vote_;
  meet();  // all have read it
  vote_ = false;
  meet();  // and none has voted anew
  return any;
}

void Block::copy_async(std::uint32_t offset, const void* from, bool valid) {
  if (valid) check_global(from, 16, 16);
  memory_.begin_copy(order_, current_, offset);
  threads_[current_].open.push_back({offset, valid ? from : nullptr});
}

void Block::copy_commit() {
  Thread& thread = threads_[current_];
  thread.groups.push_back(std::move(thread.open));
  thread.open.clear();
}

void Block::copy_wait(std::size_t groups) {
  Thread& thread = threads_[current_];
  for (; thread.groups.size() > groups; thread.groups.pop_front()) {
    for (const Copy& copy : thread.groups.front()) {
      memory_.arrived(order_, current_, copy.offset, copy.from == nullptr ? kZeros : copy.from);
    }
  }
}

}  // namespace attnlab::cuda::emulator
