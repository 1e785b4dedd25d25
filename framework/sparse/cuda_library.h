/// cuda_library.h: the launchers of libattnlab_cuda.so, loaded when the first tensor on a GPU
/// comes.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/cuda/attention_launch.h"
#include "framework/cuda/plan_launch.h"

namespace attnlab::sparse {

struct CudaLibrary {
  decltype(&attnlab_cuda_error) error;
  decltype(&attnlab_cuda_hash) hash;
  decltype(&attnlab_cuda_sort) sort;
  decltype(&attnlab_cuda_list_tiles) list_tiles;
  decltype(&attnlab_cuda_attention_forward) attention_forward;
  decltype(&attnlab_cuda_attention_backward) attention_backward;
};

/// From beside this library; ATTNLAB_CUDA_LIBRARY names another file. Throws c10::Error where there
/// is none, with the reason.
[[nodiscard]] const CudaLibrary& cuda_library();

/// Whether the launchers take this tensor: on a GPU; with the emulated library also on the CPU.
[[nodiscard]] bool on_cuda(const at::Tensor& tensor);

/// The stream that the tensor's device works on now, as launchers take it; null on the CPU.
[[nodiscard]] void* current_stream(const at::Tensor& tensor);

/// Throws c10::Error unless status is 0: "[hash_buckets] CUDA error 700: an illegal memory access".
void check_launch(int status, const char* what);

}  // namespace attnlab::sparse
