/// cuda_library.h: the launchers of libattnlab_cuda.so, loaded when the first tensor on a GPU
/// comes.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>

#include "framework/cuda/attention_launch.h"
#include "framework/cuda/model_launch.h"
#include "framework/cuda/plan_launch.h"

namespace attnlab::sparse {

struct CudaLibrary {
  decltype(&attnlab_cuda_error) error;
  decltype(&attnlab_cuda_hash) hash;
  decltype(&attnlab_cuda_sort) sort;
  decltype(&attnlab_cuda_check_plan) check_plan;
  decltype(&attnlab_cuda_list_tiles) list_tiles;
  decltype(&attnlab_cuda_attention_forward) attention_forward;
  decltype(&attnlab_cuda_attention_backward) attention_backward;
  decltype(&attnlab_cuda_row_loss) row_loss;
  decltype(&attnlab_cuda_residual_norm) residual_norm;
  decltype(&attnlab_cuda_residual_norm_backward) residual_norm_backward;
};

/// From beside this library; ATTNLAB_CUDA_LIBRARY names another file. Throws c10::Error where there
/// is none, with the reason.
[[nodiscard]] const CudaLibrary& cuda_library();

/// Kernels that the emulated library has started so far, for those who count; nothing where a GPU runs them.
[[nodiscard]] std::optional<std::int64_t> emulated_launches();

/// Whether our CUDA kernels compute with this tensor: it is on a GPU, or the emulated library
/// stands in for one; that takes float32 and 16 bits, as a GPU does.
[[nodiscard]] bool uses_cuda_kernels(const at::Tensor& tensor);

/// The same of kernels that LibTorch's operators can stand in for: also false where there is no library.
[[nodiscard]] bool may_use_cuda_kernels(const at::Tensor& tensor);

/// float32 for every dtype but the two of 16 bits.
[[nodiscard]] AttnlabElement element_of(at::ScalarType dtype);

/// What kernels take of a float32 tensor; null of an undefined one.
[[nodiscard]] float* floats(const at::Tensor& tensor);
[[nodiscard]] const float* read_floats(const at::Tensor& tensor);

/// Calls launcher(stream) while the tensor's device is the current one, with its current stream
/// (null on the CPU). Throws c10::Error unless it returns 0: "[hash_buckets] CUDA error 700: an
/// illegal memory access".
void launch(const at::Tensor& on, const char* what, const std::function<int(void*)>& launcher);

}  // namespace attnlab::sparse
