/// model_launch.h: launchers of the kernels that serve the model around the attention; part of
///   libattnlab_cuda.so's interface, with the rules of plan_launch.h.
#pragma once

#include <cstdint>

#include "framework/cuda/plan_launch.h"

namespace attnlab::cuda {

/// Cross entropy of `rows` rows of logits over `classes`, contiguous, a row's first element at a
/// multiple of its own size.
struct RowLossParams {
  void* logits = nullptr;  // [rows, classes]; with `gradient` overwritten by softmax - one_hot(target)
  const std::int64_t* target = nullptr;  // [rows]; a row below 0 is not scored: 0 nats, gradient 0
  float* nats = nullptr;                 // [rows]; NaN where a target is no class
  std::int64_t rows = 0;
  std::int64_t classes = 0;
  bool gradient = false;
};

inline constexpr std::int32_t kMostNormChannels = 1024;

/// sum = x + y; normal = (sum - mean) * scale * weight, over each row's channels. Contiguous, rows begin
/// at multiples of 16 bytes; y and normal have the type that is told beside.
struct ResidualNormParams {
  const float* x = nullptr;       // [rows, channels]
  const void* y = nullptr;        // [rows, channels]
  const float* weight = nullptr;  // [channels]
  float* sum = nullptr;           // [rows, channels]
  void* normal = nullptr;         // [rows, channels]
  float* mean = nullptr;          // [rows]
  float* scale = nullptr;         // [rows]: 1 / sqrt(variance + eps)
  std::int64_t rows = 0;
  std::int32_t channels = 0;  // a multiple of 4, up to kMostNormChannels
  float eps = 0;
};
struct ResidualNormBackwardParams {
  const float* sum = nullptr;         // as the forward pass left them
  const float* mean = nullptr;
  const float* scale = nullptr;
  const float* weight = nullptr;
  const void* grad_normal = nullptr;  // [rows, channels]
  const float* grad_sum = nullptr;    // [rows, channels], or null: zeros
  float* grad_x = nullptr;            // [rows, channels]
  void* grad_y = nullptr;             // [rows, channels] grad_x rounded, or null
  float* grad_weight = nullptr;       // [norm_blocks(rows), channels], to be added up
  std::int64_t rows = 0;
  std::int32_t channels = 0;
};
/// Rows of a block of the backward pass.
inline constexpr int kNormBlockRows = 64;
constexpr std::int64_t norm_blocks(std::int64_t rows) { return (rows + kNormBlockRows - 1) / kNormBlockRows; }

}  // namespace attnlab::cuda

extern "C" {

int attnlab_cuda_row_loss(const attnlab::cuda::RowLossParams* params, AttnlabElement element, void* stream);

int attnlab_cuda_residual_norm(const attnlab::cuda::ResidualNormParams* params, AttnlabElement element, void* stream);
int attnlab_cuda_residual_norm_backward(const attnlab::cuda::ResidualNormBackwardParams* params,
                                        AttnlabElement element, void* stream);
}
