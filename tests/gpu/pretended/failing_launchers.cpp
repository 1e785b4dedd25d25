// failing_launchers.cpp: launchers of a GPU that refuses every launch. ATTNLAB_CUDA_LIBRARY names
// it.
#include "framework/cuda/attention_launch.h"

namespace {
constexpr int kIllegalAddress = 700;
}

extern "C" {
const char* attnlab_cuda_error(int) { return "an illegal memory access was encountered"; }
int attnlab_cuda_hash(const attnlab::cuda::HashParams<void, void>*, AttnlabElement, AttnlabKey,
                      void*) {
  return kIllegalAddress;
}
int attnlab_cuda_sort(const attnlab::cuda::SortParams<void>*, AttnlabKey, void*) {
  return kIllegalAddress;
}
int attnlab_cuda_list_tiles(const attnlab::cuda::TileListParams*,
                            const attnlab::cuda::SortParams<void>*, int, void*) {
  return kIllegalAddress;
}
int attnlab_cuda_attention_forward(const attnlab::cuda::ForwardParams*, AttnlabElement, void*) {
  return kIllegalAddress;
}
int attnlab_cuda_attention_backward(const attnlab::cuda::BackwardParams*, AttnlabElement, void*) {
  return kIllegalAddress;
}
}
