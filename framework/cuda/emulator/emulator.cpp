#include "framework/cuda/emulator/emulator.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>
#include <random>

#include "framework/cuda/emulator/block.h"

namespace attnlab::cuda::emulator {
namespace {

Block* running = nullptr;

std::mt19937& random_source() {
  static std::mt19937 source(1);
  return source;
}

std::uint32_t& most_shared() {
  static std::uint32_t bytes = 99 * 1024;
  return bytes;
}

Counts& counter() {
  static Counts all;
  return all;
}

/// begin -> end of the arrays that kernels may touch.
std::map<const char*, const char*>& arrays() {
  static std::map<const char*, const char*> known;
  return known;
}

}  // namespace

void fail(const std::string& what) {
  if (running == nullptr) throw EmulatorError(what);
  throw EmulatorError(what + " [block " + std::to_string(running->index()) + ", thread " +
                      std::to_string(running->thread()) + "]");
}

void run(const Grid& grid, const std::function<void()>& kernel) {
  if (grid.threads <= 0 || grid.threads % 32 != 0 || grid.threads > 32 * kMostWarps) {
    fail("a block of " + std::to_string(grid.threads) +
         " threads; expected a multiple of 32 up to " + std::to_string(32 * kMostWarps));
  }
  std::vector<std::int64_t> order(static_cast<std::size_t>(grid.blocks));
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random_source());
  Block block(grid, random_source(), counter());
  struct Running {
    explicit Running(Block* now) { running = now; }
    ~Running() { running = nullptr; }
  } scope(&block);
  for (const auto index : order) block.run(index, kernel);
}

std::uint32_t shared_limit() { return most_shared(); }
void set_shared_limit(std::uint32_t bytes) { most_shared() = bytes; }

void set_seed(std::uint32_t seed) { random_source().seed(seed); }
Counts counts() { return counter(); }
void reset_counts() { counter() = {}; }

KnownArray::KnownArray(const void* begin, std::size_t bytes)
    : begin_(static_cast<const char*>(begin)) {
  arrays()[begin_] = begin_ + bytes;
}
KnownArray::~KnownArray() { arrays().erase(begin_); }

void check_global(const void* at, std::size_t bytes) {
  const auto& known = arrays();
  if (known.empty()) return;
  const auto* const from = static_cast<const char*>(at);
  auto next = known.upper_bound(from);
  if (next != known.begin()) {
    const auto& [begin, end] = *--next;
    if (from + bytes <= end) return;
    fail("a global access ends " + std::to_string(from + bytes - end) +
         " bytes past the end of the array before it, which has " + std::to_string(end - begin));
  }
  fail("a global access lies before every known array");
}

int thread() { return running->thread(); }
std::int64_t block() { return running->index(); }
void sync_threads() { running->meet(0, 0); }
bool any_thread(bool vote) { return running->any_thread(vote); }
void sync_named(int id, int threads) { running->meet(id, threads); }
void together(Collective operation, Part& part) { running->together(operation, part); }

void shared_read(std::uint32_t offset, void* to, std::uint32_t bytes) {
  std::memcpy(to, running->shared(Access::read, offset, bytes), bytes);
}
void shared_write(std::uint32_t offset, const void* from, std::uint32_t bytes) {
  std::memcpy(running->shared(Access::write, offset, bytes), from, bytes);
}
std::int32_t shared_add(std::uint32_t offset, std::int32_t value) {
  std::uint8_t* const at = running->shared(Access::atomic, offset, sizeof value);
  std::int32_t before;
  std::memcpy(&before, at, sizeof before);
  value += before;
  std::memcpy(at, &value, sizeof value);
  return before;
}
void copy_async(std::uint32_t offset, const void* from, bool valid) {
  running->copy_async(offset, from, valid);
}
void copy_commit() { running->copy_commit(); }
void copy_wait(int groups) { running->copy_wait(static_cast<std::size_t>(groups)); }
void barrier_start(std::uint32_t offset, int arrivals) { running->barrier_start(offset, arrivals); }
void barrier_arrive(std::uint32_t offset) { running->barrier_arrive(offset); }
void barrier_arrive_after_copies(std::uint32_t offset) {
  running->barrier_arrive_after_copies(offset);
}
void barrier_wait(std::uint32_t offset, int parity) { running->barrier_wait(offset, parity); }

}  // namespace attnlab::cuda::emulator
