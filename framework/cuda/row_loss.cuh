/// row_loss.cuh: cross entropy of rows of logits, and its gradient in their place.
///   The logits are read twice and written once, in their own type; LibTorch's operators would read and
///   write five times as much. Sums are float32, always in the same order.
#pragma once

#include "framework/cuda/elements.cuh"
#include "framework/cuda/gpu.h"
#include "framework/cuda/model_launch.h"

namespace attnlab::cuda {

/// sum = sum of exp(x - high); -inf and 0 of nothing.
struct SoftmaxSum {
  static constexpr float kInfinity = __builtin_huge_valf();
  static constexpr float kLog2e = 1.44269504F;
  float high = -kInfinity, sum = 0;

  /// exp(x - high), and 0 for -inf where everything is.
  [[nodiscard]] GPU_FUNCTION float weight(float x) const {
    return gpu::exp2_fast((x - (high == -kInfinity ? 0 : high)) * kLog2e);
  }
  GPU_FUNCTION void add(const SoftmaxSum& other) {
    const SoftmaxSum both{gpu::larger(high, other.high), 0};
    sum = sum * both.weight(high) + other.sum * both.weight(other.high);
    high = both.high;
  }
  template <int kCount>
  GPU_FUNCTION void add_all(const float (&x)[kCount]) {
    SoftmaxSum more;
    GPU_UNROLL
    for (int i = 0; i < kCount; ++i) more.high = gpu::larger(more.high, x[i]);
    GPU_UNROLL
    for (int i = 0; i < kCount; ++i) more.sum += more.weight(x[i]);
    add(more);
  }
};

/// kWarps warps a row.
template <class Element, int kWarps>
struct RowLoss {
  using Params = RowLossParams;
  static constexpr int kThreads = 256, kBlocks = 4;
  static constexpr int kLanes = kWarps * kWarp, kRows = kThreads / kLanes;
  static constexpr std::uint32_t kSharedBytes = kThreads / kWarp * sizeof(SoftmaxSum);
  static constexpr int kCount = 16 / sizeof(Element);
  using Vector = Elements<Element, kCount>;
  static constexpr std::int64_t blocks(const Params& p) { return (p.rows + kRows - 1) / kRows; }

  static GPU_FUNCTION void run(const Params& p) {
    const std::int64_t row = gpu::block() * kRows + gpu::thread() / kLanes;
    const bool valid = row < p.rows;
    const std::int64_t target = valid ? gpu::load(p.target + row) : -1;
    const Row logits(static_cast<Element*>(p.logits) + (valid ? row : 0) * p.classes, valid ? p.classes : 0);
    const bool first = gpu::thread() % kLanes == 0;
    const bool scored = target >= 0;
    // Before anybody writes: the sum below is a barrier.
    const float wanted = first && scored && target < p.classes ? gpu::to_float(gpu::load(logits.at + target))
                                                               : __builtin_nanf("");
    const SoftmaxSum sum = sum_of(logits);
    if (valid && first) {
      gpu::store(p.nats + row, scored ? gpu::log_exact(sum.sum) + (sum.high - wanted) : 0.0F);
    }
    if (!p.gradient) return;
    const float scale = scored ? 1 / sum.sum : 0;
    write(logits, target, [&](float x) { return scored ? sum.weight(x) * scale : 0.0F; });
  }

 private:
  /// A row begins where it begins: so many elements up to a multiple of 16 bytes, vectors, and the rest.
  struct Row {
    GPU_FUNCTION Row(Element* from, std::int64_t count) : at(from), classes(count) {
      const auto past = reinterpret_cast<std::uintptr_t>(from) % 16;
      lead = past == 0 ? 0 : static_cast<std::int64_t>((16 - past) / sizeof(Element));
      if (lead > classes) lead = classes;
      vectors = (classes - lead) / kCount;
    }
    [[nodiscard]] GPU_FUNCTION std::int64_t vector(std::int64_t i) const { return lead + i * kCount; }
    [[nodiscard]] GPU_FUNCTION std::int64_t singles() const { return classes - vectors * kCount; }
    [[nodiscard]] GPU_FUNCTION std::int64_t single(std::int64_t i) const {
      return i < lead ? i : i + vectors * kCount;
    }
    Element* at;
    std::int64_t classes, lead, vectors;
  };

  static GPU_FUNCTION SoftmaxSum sum_of(const Row& row) {
    const int part = gpu::thread() % kLanes;
    SoftmaxSum own;
    for (std::int64_t i = part; i < row.vectors; i += kLanes) {
      float x[kCount];
      Vector::load(row.at + row.vector(i), x);
      own.add_all(x);
    }
    for (std::int64_t i = part; i < row.singles(); i += kLanes) {
      const float x[1]{gpu::to_float(gpu::load(row.at + row.single(i)))};
      own.add_all(x);
    }
    for (int mask = kWarp / 2; mask > 0; mask /= 2) {
      own.add({gpu::shuffle_xor(own.high, mask), gpu::shuffle_xor(own.sum, mask)});
    }
    // Two lanes may round a sum of the same two parts differently: all take the first one's.
    own = {gpu::shuffle(own.high, 0), gpu::shuffle(own.sum, 0)};
    if constexpr (kWarps == 1) {
      gpu::sync_warp();
      return own;
    }
    if (gpu::lane() == 0) gpu::shared_store(slot(gpu::warp()), own);
    gpu::sync_threads();
    SoftmaxSum all;
    const int begin = gpu::warp() / kWarps * kWarps;
    for (int warp = begin; warp < begin + kWarps; ++warp) all.add(gpu::shared_load<SoftmaxSum>(slot(warp)));
    return all;
  }

  /// of(x), less 1 at the target, in place of x.
  template <class Of>
  static GPU_FUNCTION void write(const Row& row, std::int64_t target, Of&& of) {
    const int part = gpu::thread() % kLanes;
    for (std::int64_t i = part; i < row.vectors; i += kLanes) {
      float x[kCount];
      Element* const to = row.at + row.vector(i);
      Vector::load(to, x);
      GPU_UNROLL
      for (int k = 0; k < kCount; ++k) x[k] = of(x[k]) - (row.vector(i) + k == target ? 1.0F : 0.0F);
      Vector::store(to, x);
    }
    for (std::int64_t i = part; i < row.singles(); i += kLanes) {
      const std::int64_t column = row.single(i);
      const float x = of(gpu::to_float(gpu::load(row.at + column)));
      gpu::store(row.at + column, rounded(x - (column == target ? 1.0F : 0.0F)));
    }
  }

  static GPU_FUNCTION Element rounded(float x) {
    if constexpr (std::is_same_v<Element, float>) {
      return x;
    } else {
      return {static_cast<std::uint16_t>(gpu::pack<Element>(x, 0))};
    }
  }

  static GPU_FUNCTION std::uint32_t slot(int warp) { return static_cast<std::uint32_t>(warp) * sizeof(SoftmaxSum); }
};

/// Up to so many classes a warp takes a row by itself, beyond them a block.
inline constexpr std::int64_t kWarpClasses = 2048;

}  // namespace attnlab::cuda
