// failing_launchers.cpp: launchers of a GPU that refuses every launch of an attention's kernels; those of the
// model around it are the emulated ones. ATTNLAB_CUDA_LIBRARY names it.
#include <dlfcn.h>

#include <filesystem>

#include "framework/cuda/attention_launch.h"
#include "framework/cuda/model_launch.h"

namespace {

constexpr int kIllegalAddress = 700;

/// Of libattnlab_cuda_emulated.so, which stands a folder above this library.
template <class Function>
Function* emulated(Function* own, const char* name) {
  Dl_info here{};
  if (dladdr(reinterpret_cast<void*>(own), &here) == 0) return nullptr;
  const auto file = std::filesystem::path(here.dli_fname).parent_path().parent_path() / "libattnlab_cuda_emulated.so";
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  return library == nullptr ? nullptr : reinterpret_cast<Function*>(dlsym(library, name));
}

}  // namespace

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
int attnlab_cuda_row_loss(const attnlab::cuda::RowLossParams* params, AttnlabElement element, void* stream) {
  static const auto real = emulated(&attnlab_cuda_row_loss, "attnlab_cuda_row_loss");
  return real == nullptr ? kIllegalAddress : real(params, element, stream);
}
int attnlab_cuda_residual_norm(const attnlab::cuda::ResidualNormParams* params, AttnlabElement element, void* stream) {
  static const auto real = emulated(&attnlab_cuda_residual_norm, "attnlab_cuda_residual_norm");
  return real == nullptr ? kIllegalAddress : real(params, element, stream);
}
int attnlab_cuda_residual_norm_backward(const attnlab::cuda::ResidualNormBackwardParams* params, AttnlabElement element,
                                        void* stream) {
  static const auto real = emulated(&attnlab_cuda_residual_norm_backward, "attnlab_cuda_residual_norm_backward");
  return real == nullptr ? kIllegalAddress : real(params, element, stream);
}
int attnlab_cuda_attention_forward(const attnlab::cuda::ForwardParams*, AttnlabElement, void*) {
  return kIllegalAddress;
}
int attnlab_cuda_attention_backward(const attnlab::cuda::BackwardParams*, AttnlabElement, void*) {
  return kIllegalAddress;
}
}
