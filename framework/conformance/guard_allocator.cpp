#include "framework/conformance/guard_allocator.h"

#include <ATen/ATen.h>
#include <c10/core/Allocator.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

namespace attnlab::conformance {
namespace {

constexpr std::size_t kZone = 256;  // bytes on both sides; keeps the data aligned to 64
// NaN in every float format, so that a read beyond the end shows as well.
constexpr std::array<unsigned char, 4> kNan{0xEE, 0xFF, 0xC0, 0xFF};

void fill_nan(unsigned char* at, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) at[i] = kNan[i % kNan.size()];
}

// In front of the data: the block's size, then the zone.
struct Block {
  std::size_t bytes;
  [[nodiscard]] unsigned char* front() { return reinterpret_cast<unsigned char*>(this + 1); }
  [[nodiscard]] unsigned char* data() { return reinterpret_cast<unsigned char*>(this) + kZone; }
  [[nodiscard]] unsigned char* back() { return data() + bytes; }
  static Block* of(void* data) {
    return reinterpret_cast<Block*>(static_cast<unsigned char*>(data) - kZone);
  }
  [[nodiscard]] static constexpr std::size_t front_bytes() { return kZone - sizeof(Block); }
};

// Where in a zone that begins at `zone` the pattern is broken: first and last byte, or -1.
struct Broken {
  std::ptrdiff_t first = -1, last = -1;
};
Broken broken(const unsigned char* zone, std::size_t bytes) {
  Broken found;
  for (std::size_t i = 0; i < bytes; ++i) {
    if (zone[i] == kNan[i % kNan.size()]) continue;
    if (found.first < 0) found.first = static_cast<std::ptrdiff_t>(i);
    found.last = static_cast<std::ptrdiff_t>(i);
  }
  return found;
}

std::string damage_of(Block& block) {
  const std::string whose = " of a block of " + std::to_string(block.bytes) + " bytes";
  if (const auto at = broken(block.back(), kZone); at.first >= 0) {
    return "bytes " + std::to_string(at.first) + " to " + std::to_string(at.last) +
           " after the end" + whose;
  }
  if (const auto at = broken(block.front(), Block::front_bytes()); at.first >= 0) {
    const auto size = static_cast<std::ptrdiff_t>(Block::front_bytes());
    return "bytes " + std::to_string(size - at.last) + " to " + std::to_string(size - at.first) +
           " before the beginning" + whose;
  }
  return {};
}

/// Large blocks that were freed, for the next of the same size: a fresh one has to be mapped and
/// cleared page by page, which took as long as the arithmetic.
class Spare {
 public:
  static constexpr std::size_t kLarge = 1 << 20, kHugePage = 2 << 20, kMost = 3UL << 29;

  void* take(std::size_t bytes) {
    const auto found = blocks_.find(bytes);
    if (found == blocks_.end()) return fresh(bytes);
    void* block = found->second;
    blocks_.erase(found);
    held_ -= bytes;
    return block;
  }
  void give(void* block, std::size_t bytes) {
    if (bytes < kLarge || bytes > kMost) return std::free(block);
    if (held_ + bytes > kMost) {
      if (blocks_.contains(bytes)) return std::free(block);
      drop();
    }
    blocks_.emplace(bytes, block);
    held_ += bytes;
  }
  void drop() {
    for (const auto& [bytes, block] : blocks_) std::free(block);
    blocks_.clear();
    held_ = 0;
  }
  [[nodiscard]] std::size_t held() const { return held_; }

 private:
  static void* fresh(std::size_t bytes) {
    const bool huge = bytes >= 2 * kHugePage;
    void* block = nullptr;
    TORCH_CHECK_WITH(OutOfMemoryError, ::posix_memalign(&block, huge ? kHugePage : 64, bytes) == 0,
                     "the machine has no ", bytes, " bytes left");
    if (huge) ::madvise(block, bytes, MADV_HUGEPAGE);  // where it cannot be, it is only slower
    return block;
  }

  std::unordered_multimap<std::size_t, void*> blocks_;  // by size
  std::size_t held_ = 0;
};

class GuardAllocator final : public c10::Allocator {
 public:
  static GuardAllocator& instance() {
    static auto* const allocator = new GuardAllocator;  // tensors may outlive static objects
    return *allocator;
  }

  c10::DataPtr allocate(std::size_t bytes) override {
    if (bytes == 0) return {nullptr, nullptr, &release, at::Device(at::kCPU)};
    void* data = make(bytes);
    return {data, data, &release, at::Device(at::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }

  std::string damage() {
    const std::lock_guard lock(mutex_);
    std::string text = std::exchange(damage_, {});
    for (auto* block : blocks_) {
      const auto found = damage_of(*block);
      if (found.empty()) continue;
      if (text.empty()) text = found;
      mend(*block);  // said once
    }
    return text;
  }

  Fill fill = Fill::zero;
  std::size_t limit = 0, live = 0, peak = 0;

 private:
  void* make(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    if (limit != 0 && live + bytes > limit) {
      TORCH_CHECK_WITH(OutOfMemoryError, false, "the plugin asked for ", bytes,
                       " bytes while it had ", live, "; the memory limit is ", limit, " bytes");
    }
    // What is kept counts as the process's memory, which has the same limit.
    if (limit != 0 && live + spare_.held() + bytes > limit / 2) spare_.drop();
    auto* block = new (spare_.take(whole(bytes))) Block{bytes};
    mend(*block);
    switch (fill) {
      case Fill::zero:
        std::memset(block->data(), 0, bytes);
        break;
      case Fill::nan:
        fill_nan(block->data(), bytes);
        break;
      case Fill::large:
        std::memset(block->data(), 0x5A, bytes);
        break;
    }
    blocks_.insert(block);
    live += bytes;
    peak = std::max(peak, live);
    return block->data();
  }

  static void mend(Block& block) {
    fill_nan(block.front(), Block::front_bytes());
    fill_nan(block.back(), kZone);
  }

  static void release(void* data) {
    if (data == nullptr) return;
    auto& self = instance();
    auto* block = Block::of(data);
    const std::lock_guard lock(self.mutex_);
    if (self.damage_.empty()) self.damage_ = damage_of(*block);
    self.blocks_.erase(block);
    self.live -= block->bytes;
    self.spare_.give(block, whole(block->bytes));
  }
  static std::size_t whole(std::size_t bytes) { return (bytes + 2 * kZone + 63) / 64 * 64; }

  std::mutex mutex_;
  std::unordered_set<Block*> blocks_;
  Spare spare_;
  std::string damage_;  // of blocks that are gone
};

}  // namespace

void install_guard_allocator(std::int64_t limit) {
  auto& allocator = GuardAllocator::instance();
  allocator.limit = static_cast<std::size_t>(limit);
  c10::SetAllocator(c10::kCPU, &allocator, /*priority=*/255);
}

void set_fill(Fill fill) { GuardAllocator::instance().fill = fill; }
std::string damage() { return GuardAllocator::instance().damage(); }
std::int64_t live_bytes() { return static_cast<std::int64_t>(GuardAllocator::instance().live); }
std::int64_t peak_bytes() { return static_cast<std::int64_t>(GuardAllocator::instance().peak); }
void reset_peak() { GuardAllocator::instance().peak = GuardAllocator::instance().live; }

}  // namespace attnlab::conformance
