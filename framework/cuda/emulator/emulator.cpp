#include "framework/cuda/emulator/emulator.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <random>

#include "framework/cuda/emulator/block.h"

/// Of a pretended GPU (tests/gpu/pretended), whose streams are numbers of devices.
extern "C" __attribute__((weak)) int attnlab_pretended_current_device();

namespace attnlab::cuda::emulator {
namespace {

std::mt19937& random_source() {
  static std::mt19937 source(1);
  return source;
}

std::uint32_t& most_shared() {
  static std::uint32_t bytes = 227 * 1024;
  return bytes;
}

Counts& counter() {
  static Counts all;
  return all;
}

/// The array of the last access that was checked.
const char *last_begin = nullptr, *last_end = nullptr;

/// begin -> end of the arrays that kernels may touch.
std::map<const char*, const char*>& arrays() {
  static std::map<const char*, const char*> known;
  return known;
}

}  // namespace

Block* block_that_runs = nullptr;

void fail(const std::string& what) {
  if (block_that_runs == nullptr) throw EmulatorError(what);
  throw EmulatorError(what + " [block " + std::to_string(running().index()) + ", thread " +
                      std::to_string(running().thread()) + "]");
}

void run(const Grid& grid, const std::function<void()>& kernel) {
  if (grid.threads <= 0 || grid.threads % 32 != 0 || grid.threads > 32 * kMostWarps) {
    fail("a block of " + std::to_string(grid.threads) +
         " threads; expected a multiple of 32 up to " + std::to_string(32 * kMostWarps));
  }
  ++counter().launches;
  std::vector<std::int64_t> order(static_cast<std::size_t>(grid.blocks));
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random_source());
  Block block(grid, random_source(), counter());
  struct Running {
    explicit Running(Block* now) { block_that_runs = now; }
    ~Running() { block_that_runs = nullptr; }
  } scope(&block);
  for (const auto index : order) block.run(index, kernel);
}

bool is_of_current_device(const void* stream) {
  return attnlab_pretended_current_device == nullptr ||
         reinterpret_cast<std::intptr_t>(stream) == attnlab_pretended_current_device();
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
KnownArray::~KnownArray() {
  arrays().erase(begin_);
  last_begin = last_end = nullptr;
}

void check_global(const void* at, std::size_t bytes, std::size_t alignment) {
  if (reinterpret_cast<std::uintptr_t>(at) % alignment != 0) {
    fail("a global access of " + std::to_string(bytes) + " bytes is not aligned to " +
         std::to_string(alignment));
  }
  const auto* const from = static_cast<const char*>(at);
  if (from >= last_begin && from + bytes <= last_end) return;
  const auto& known = arrays();
  if (known.empty()) return;
  auto next = known.upper_bound(from);
  if (next != known.begin()) {
    const auto& [begin, end] = *--next;
    if (from + bytes <= end) {
      last_begin = begin, last_end = end;
      return;
    }
    fail("a global access ends " + std::to_string(from + bytes - end) +
         " bytes past the end of the array before it, which has " + std::to_string(end - begin));
  }
  fail("a global access lies before every known array");
}

}  // namespace attnlab::cuda::emulator
