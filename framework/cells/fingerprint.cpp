#include "framework/cells/fingerprint.h"

#include <array>
#include <cstdlib>

#include "framework/config/node.h"
#include "framework/core/build_info.h"
#include "framework/core/digest.h"
#include "framework/core/error.h"
#include "framework/core/machine.h"
#include "framework/plugin/elf_note.h"

namespace attnlab::cells {
namespace {

using config::Device;

// Read by LibTorch, MKL, oneDNN, OpenMP and cuBLAS: each chooses among kernels that add in another
// order or with fewer digits, or how many threads add.
constexpr std::array kOfTorch{
    "ATEN_CPU_CAPABILITY",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "DNNL_DEFAULT_FPMATH_MODE",
    "TORCH_MKLDNN_MATMUL_MIN_DIM",
    "TORCH_MKLDNN_MATMUL_MIN_SIZE",
    "MKL_DYNAMIC",
    "OMP_DYNAMIC",
    "OMP_THREAD_LIMIT",
    "OMP_MAX_ACTIVE_LEVELS",
    "OMP_NESTED",
    "MKL_NUM_STRIPES",
    "TORCH_LINEAR_FLATTEN_3D",
    "ONEDNN_CPU_ISA_HINTS",
    "DNNL_CPU_ISA_HINTS",
};
constexpr std::array kOfTorchOnGpu{
    "NVIDIA_TF32_OVERRIDE",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    "TORCH_BLAS_PREFER_CUBLASLT",
    "TORCH_LINALG_PREFER_CUSOLVER",
    "CUBLAS_WORKSPACE_CONFIG",
    "NCCL_ALGO",  // of ranks: in which order their gradients are added
    "NCCL_PROTO",
    "NCCL_MIN_NCHANNELS",
    "NCCL_MAX_NCHANNELS",
    "NCCL_NVLS_ENABLE",
};

template <std::size_t N>
std::string set_of(const std::array<const char*, N>& names) {
  std::string text;
  for (const char* name : names) {
    if (const char* value = std::getenv(name)) text += std::string(" ") + name + "=" + value;
  }
  return text;
}

std::string digest_of_library(const char* file) try {
  return sha256_file(file);
} catch (const Error& error) {
  throw Error("ATTNLAB_CUDA_LIBRARY: our kernels for GPUs cannot be loaded: " +
              std::string(error.what()) + " Unset it, or name the libattnlab_cuda.so of this build.");
}

std::string kernels(bool cuda) {
  std::string text = machine::instruction_set();
  const char* const library = std::getenv("ATTNLAB_CUDA_LIBRARY");
  if (library != nullptr) text += "; " + digest_of_library(library);  // an emulated one serves the CPU too
  if (!cuda) return text;
  const auto& build = build_info();
  if (library == nullptr) text += "; " + build.nvcc + " " + build.cuda_digest;
  const char* const backward = std::getenv("ATTNLAB_CUDA_BACKWARD");
  text += "; " + std::string(backward == nullptr ? "deterministic" : backward);
  const char* const chosen = std::getenv("ATTNLAB_CUDA_KERNELS");
  if (chosen != nullptr && std::string(chosen) != "mma.sync") text += "; " + std::string(chosen);
  const char* const tiles = std::getenv("ATTNLAB_CUDA_TILES");
  return tiles == nullptr ? text : text + "; " + tiles + " tiles";
}

}  // namespace

Device automatic_device() { return machine::first_gpu() ? Device::cuda : Device::cpu; }

FingerprintParts code_parts(Device device) {
  const auto& build = build_info();
  const bool cuda = device == Device::cuda;
  return {.config = {},
          .data = {},
          .plugin = {},
          .engine = build.source_digest,
          .kernels = kernels(cuda),
          .compiler = build.compiler + " " + build.flags,
          .torch = build.torch + set_of(kOfTorch) + (cuda ? set_of(kOfTorchOnGpu) : ""),
          .device = cuda ? "cuda " + machine::first_gpu().value_or("") : "cpu"};
}

std::string plugin_digest(const plugin::PluginNote& note, const std::filesystem::path& file,
                          const std::vector<std::filesystem::path>& own_libraries) {
  std::string text(note.source_digest.view());
  if (!plugin::is_stamped(note)) text = sha256_file(file);
  text += "\n" + std::string(note.compiler.view()) + " " + std::string(note.cuda_version.view());
  for (const auto& own : own_libraries) text += "\n" + sha256_file(own);
  return sha256_hex(text);
}

std::string to_json(const FingerprintParts& parts) {
  using config::Node;
  return config::to_json(Node(config::Map{{"config", Node(parts.config)},
                                          {"data", Node(parts.data)},
                                          {"plugin", Node(parts.plugin)},
                                          {"engine", Node(parts.engine)},
                                          {"kernels", Node(parts.kernels)},
                                          {"compiler", Node(parts.compiler)},
                                          {"torch", Node(parts.torch)},
                                          {"device", Node(parts.device)}}));
}

std::string fingerprint(const FingerprintParts& parts) { return sha256_hex(to_json(parts)); }

}  // namespace attnlab::cells
