// failing_launchers.cpp: launchers of a GPU that refuses every launch. ATTNLAB_CUDA_LIBRARY names
// it.
#include "framework/cuda/attention_launch.h"

namespace {
constexpr int kIllegalAddress = 700;
}

extern "C" {
const char* attnlab_cuda_error(int) { return "an illegal memory access was encountered"; }
int attnlab_cuda_hash(const attnlab::cuda::HashParams*, AttnlabElement, AttnlabKey, void*) {
  return kIllegalAddress;
}
int attnlab_cuda_sort(const attnlab::cuda::SortParams*, AttnlabKey, void*) {
  return kIllegalAddress;
}
int attnlab_cuda_check_plan(const attnlab::cuda::CheckParams*, void*) { return kIllegalAddress; }
int attnlab_cuda_list_tiles(const attnlab::cuda::TileListParams*, void*) { return kIllegalAddress; }
int attnlab_cuda_attention_forward(const attnlab::cuda::ForwardParams*, AttnlabElement, void*) {
  return kIllegalAddress;
}
int attnlab_cuda_attention_backward(const attnlab::cuda::BackwardParams*, AttnlabElement, void*) {
  return kIllegalAddress;
}
}
