#include "framework/sparse/cuda_library.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "framework/sparse/passes.h"
#include "framework/sparse/remembered.h"

namespace attnlab::sparse {
namespace {

const char* chosen_file() { return std::getenv("ATTNLAB_CUDA_LIBRARY"); }

std::string file_of_library() {
  if (chosen_file() != nullptr) return chosen_file();
  Dl_info here{};
  TORCH_CHECK(dladdr(reinterpret_cast<const void*>(&cuda_library), &here) != 0,
              "[cuda] cannot tell where libattnlab_sparse.so lies");
  return std::filesystem::path(here.dli_fname).replace_filename("libattnlab_cuda.so").string();
}

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  TORCH_CHECK(function != nullptr, "[cuda] ", file_of_library(), " has no '", name,
              "': it is of another build. Build attnlab anew.");
}

CudaLibrary load() {
  void* const library = dlopen(file_of_library().c_str(), RTLD_NOW | RTLD_LOCAL);
  TORCH_CHECK(library != nullptr, "[cuda] our kernels for GPUs cannot be loaded: ", dlerror(),
              ". They are built where nvcc is found (CUDA Toolkit 12 or later): build attnlab on a "
              "machine that has it, or run with device=cpu.");
  CudaLibrary found{};
  find(library, "attnlab_cuda_error", found.error);
  find(library, "attnlab_cuda_hash", found.hash);
  find(library, "attnlab_cuda_sort", found.sort);
  find(library, "attnlab_cuda_check_plan", found.check_plan);
  find(library, "attnlab_cuda_list_tiles", found.list_tiles);
  find(library, "attnlab_cuda_attention_forward", found.attention_forward);
  find(library, "attnlab_cuda_attention_backward", found.attention_backward);
  find(library, "attnlab_cuda_row_loss", found.row_loss);
  find(library, "attnlab_cuda_residual_norm", found.residual_norm);
  find(library, "attnlab_cuda_residual_norm_backward", found.residual_norm_backward);
  return found;
}

// The emulated twin takes host pointers, so tests send every CPU tensor through the launchers.
bool is_emulated() {
  static const bool emulated =
      chosen_file() != nullptr && std::string(chosen_file()).ends_with("_emulated.so");
  return emulated;
}

}  // namespace

const CudaLibrary& cuda_library() {
  static const CudaLibrary library = load();
  return library;
}

std::optional<std::int64_t> emulated_launches() {
  if (!is_emulated()) return std::nullopt;
  static const auto counter = [] {
    std::int64_t (*found)() = nullptr;
    find(dlopen(file_of_library().c_str(), RTLD_NOW | RTLD_LOCAL), "attnlab_emulated_launches", found);
    return found;
  }();
  return counter();
}

bool uses_cuda_kernels(const at::Tensor& tensor) {
  return tensor.is_cuda() || (is_emulated() && tensor.scalar_type() != at::kDouble);
}

bool may_use_cuda_kernels(const at::Tensor& tensor) {
  if (!uses_cuda_kernels(tensor)) return false;
  static const bool loaded = [] {
    try {
      (void)cuda_library();
      return true;
    } catch (const c10::Error&) {
      return false;
    }
  }();
  return loaded;
}

const Passes& passes_for(const at::Tensor& tensor) {
  return uses_cuda_kernels(tensor) ? cuda_passes : cpu_passes;
}

AttnlabElement element_of(at::ScalarType dtype) {
  if (dtype == at::kBFloat16) return kAttnlabBfloat16;
  return dtype == at::kHalf ? kAttnlabFloat16 : kAttnlabFloat32;
}

float* floats(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.mutable_data_ptr<float>() : nullptr;
}

const float* read_floats(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
}

void launch(const at::Tensor& on, const char* what, const std::function<int(void*)>& launcher) {
  void* stream = nullptr;
  std::optional<c10::DeviceGuard> guard;
  if (on.is_cuda()) {
    guard.emplace(on.device());
    stream = c10::impl::VirtualGuardImpl(at::kCUDA).getStream(on.device()).native_handle();
  }
  const int status = launcher(stream);
  TORCH_CHECK(status == 0, "[", what, "] CUDA error ", status, ": ", cuda_library().error(status));
}

at::Tensor to_device_of(const at::Tensor& like, const at::Tensor& host) {
  // From pageable memory the copy would wait for the device.
  return like.is_cuda() ? host.pin_memory().to(like.device(), /*non_blocking=*/true) : host;
}

}  // namespace attnlab::sparse
