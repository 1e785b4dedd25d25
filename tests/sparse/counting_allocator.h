/// counting_allocator.h: counts the bytes of live CPU tensors while it lives.
#pragma once

#include <c10/core/Allocator.h>

#include <algorithm>
#include <atomic>

namespace attnlab::test {

/// Stands in for LibTorch's CPU allocator until it is destroyed. Tensors that outlive it are freed
/// properly, since each carries its own deleter.
class CountingAllocator final : public c10::Allocator {
 public:
  CountingAllocator() : inner_(c10::GetAllocator(c10::kCPU)) {
    live_ = peak_ = 0;
    c10::SetAllocator(c10::kCPU, this, kPriority);
  }
  ~CountingAllocator() override { c10::SetAllocator(c10::kCPU, inner_, kPriority); }

  [[nodiscard]] std::int64_t peak() const { return peak_; }

  c10::DataPtr allocate(std::size_t bytes) override {
    auto inner = inner_->allocate(bytes);
    void* data = inner.get();
    auto* block = new Block{std::move(inner), static_cast<std::int64_t>(bytes)};
    live_ += block->bytes;
    peak_ = std::max<std::int64_t>(peak_, live_);
    return {data, block, &release, c10::kCPU};
  }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

 private:
  static constexpr std::uint8_t kPriority = 255;
  struct Block {
    c10::DataPtr inner;
    std::int64_t bytes;
  };
  static void release(void* context) {
    auto* block = static_cast<Block*>(context);
    live_ -= block->bytes;
    delete block;
  }
  c10::Allocator* inner_;
  static inline std::atomic<std::int64_t> live_{0}, peak_{0};
};

}  // namespace attnlab::test
