/// residual_norm.cuh: x + y and its layer norm in one pass, and both gradients in one.
///   A warp takes a row and holds it in registers. LibTorch's operators would read and write the row
///   three times each way, and once more to change its type. C up to kMostNormChannels, a multiple of 4.
#pragma once

#include <cmath>

#include "framework/cuda/elements.cuh"
#include "framework/cuda/gpu.h"
#include "framework/cuda/model_launch.h"

namespace attnlab::cuda {

/// The sum over the warp, the same bits in every lane.
GPU_FUNCTION float warp_sum(float x) {
  GPU_UNROLL
  for (int mask = kWarp / 2; mask > 0; mask /= 2) x += gpu::shuffle_xor(x, mask);
  return x;
}

template <class Element>
using Four = Elements<Element, 4>;

/// Calls with(slot, channel) for the fours of a row that this lane holds, kFours at most.
template <int kFours, class With>
GPU_FUNCTION void each_four(std::int32_t channels, With&& with) {
  GPU_UNROLL
  for (int slot = 0; slot < kFours; ++slot) {
    const std::int32_t channel = (gpu::lane() + slot * kWarp) * 4;
    if (channel < channels) with(slot, channel);
  }
}

template <class Element, int kFours>
struct ResidualNorm {
  using Params = ResidualNormParams;
  static constexpr int kThreads = 128, kBlocks = 4;
  static constexpr std::uint32_t kSharedBytes = 0;
  static constexpr int kRows = kThreads / kWarp;
  static constexpr std::int64_t blocks(const Params& p) { return (p.rows + kRows - 1) / kRows; }

  static GPU_FUNCTION void run(const Params& p) {
    const std::int64_t row = gpu::block() * kRows + gpu::warp();
    if (row >= p.rows) return;  // a warp as a whole
    const std::int64_t begin = row * p.channels;
    float sum[kFours][4], total = 0;
    each_four<kFours>(p.channels, [&](int slot, std::int32_t channel) {
      float y[4];
      Four<float>::load(p.x + begin + channel, sum[slot]);
      Four<Element>::load(static_cast<const Element*>(p.y) + begin + channel, y);
      GPU_UNROLL
      for (int i = 0; i < 4; ++i) total += sum[slot][i] += y[i];
      Four<float>::store(p.sum + begin + channel, sum[slot]);
    });
    const auto channels = static_cast<float>(p.channels);
    const float mean = warp_sum(total) / channels;
    float squares = 0;
    each_four<kFours>(p.channels, [&](int slot, std::int32_t) {
      GPU_UNROLL
      for (int i = 0; i < 4; ++i) squares += (sum[slot][i] - mean) * (sum[slot][i] - mean);
    });
    const float scale = 1 / std::sqrt(warp_sum(squares) / channels + p.eps);
    each_four<kFours>(p.channels, [&](int slot, std::int32_t channel) {
      float weight[4], normal[4];
      Four<float>::load(p.weight + channel, weight);
      GPU_UNROLL
      for (int i = 0; i < 4; ++i) normal[i] = (sum[slot][i] - mean) * scale * weight[i];
      Four<Element>::store(static_cast<Element*>(p.normal) + begin + channel, normal);
    });
    if (gpu::lane() == 0) {
      gpu::store(p.mean + row, mean);
      gpu::store(p.scale + row, scale);
    }
  }
};

/// A block takes kNormBlockRows rows and leaves one row of sums for the weight.
template <class Element, int kFours>
struct ResidualNormBackward {
  using Params = ResidualNormBackwardParams;
  static constexpr int kThreads = 128, kBlocks = 2;
  static constexpr int kWarps = kThreads / kWarp;
  static constexpr std::uint32_t kSharedBytes = kWarps * kFours * kWarp * 16;
  static constexpr std::int64_t blocks(const Params& p) { return norm_blocks(p.rows); }

  static GPU_FUNCTION void run(const Params& p) {
    float weight_sum[kFours][4] = {};
    for (int i = gpu::warp(); i < kNormBlockRows; i += kWarps) {
      const std::int64_t row = gpu::block() * kNormBlockRows + i;
      if (row < p.rows) add_row(p, row, weight_sum);
    }
    write_weight(p, weight_sum);
  }

 private:
  static GPU_FUNCTION void add_row(const Params& p, std::int64_t row, float (&weight_sum)[kFours][4]) {
    const std::int64_t begin = row * p.channels;
    const float mean = gpu::load(p.mean + row), scale = gpu::load(p.scale + row);
    float unit[kFours][4], grad[kFours][4];  // (sum - mean) * scale; of it
    float along_one = 0, along_unit = 0;
    each_four<kFours>(p.channels, [&](int slot, std::int32_t channel) {
      float weight[4];
      Four<float>::load(p.sum + begin + channel, unit[slot]);
      Four<Element>::load(static_cast<const Element*>(p.grad_normal) + begin + channel, grad[slot]);
      Four<float>::load(p.weight + channel, weight);
      GPU_UNROLL
      for (int i = 0; i < 4; ++i) {
        unit[slot][i] = (unit[slot][i] - mean) * scale;
        weight_sum[slot][i] += grad[slot][i] * unit[slot][i];
        grad[slot][i] *= weight[i];
        along_one += grad[slot][i];
        along_unit += grad[slot][i] * unit[slot][i];
      }
    });
    const auto channels = static_cast<float>(p.channels);
    along_one = warp_sum(along_one) / channels;
    along_unit = warp_sum(along_unit) / channels;
    each_four<kFours>(p.channels, [&](int slot, std::int32_t channel) {
      float out[4] = {};
      if (p.grad_sum != nullptr) Four<float>::load(p.grad_sum + begin + channel, out);
      GPU_UNROLL
      for (int i = 0; i < 4; ++i) {
        out[i] += scale * (grad[slot][i] - along_one - unit[slot][i] * along_unit);
      }
      Four<float>::store(p.grad_x + begin + channel, out);
      if (p.grad_y != nullptr) Four<Element>::store(static_cast<Element*>(p.grad_y) + begin + channel, out);
    });
  }

  /// The warps' sums, in their order.
  static GPU_FUNCTION void write_weight(const Params& p, const float (&weight_sum)[kFours][4]) {
    const auto place = [](int warp, int slot, int i) {
      return static_cast<std::uint32_t>(((warp * kFours + slot) * 4 + i) * kWarp + gpu::lane()) * 4;
    };
    GPU_UNROLL
    for (int slot = 0; slot < kFours; ++slot) {
      GPU_UNROLL
      for (int i = 0; i < 4; ++i) gpu::shared_store(place(gpu::warp(), slot, i), weight_sum[slot][i]);
    }
    gpu::sync_threads();
    if (gpu::warp() != 0) return;
    each_four<kFours>(p.channels, [&](int slot, std::int32_t channel) {
      float all[4] = {};
      for (int warp = 0; warp < kWarps; ++warp) {
        GPU_UNROLL
        for (int i = 0; i < 4; ++i) all[i] += gpu::shared_load<float>(place(warp, slot, i));
      }
      Four<float>::store(p.grad_weight + gpu::block() * p.channels + channel, all);
    });
  }
};

}  // namespace attnlab::cuda
