#include "framework/worker/devices.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <cstdlib>
#include <sstream>

#include "framework/core/error.h"
#include "framework/core/limits.h"
#include "framework/core/machine.h"
#include "framework/core/paths.h"
#include "framework/cuda/device_facts.h"

namespace attnlab::worker {
namespace {

void load_torch_cuda() {
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) != nullptr) return;
  const char* const reason = dlerror();
  throw Error("device=cuda: LibTorch's CUDA part cannot be loaded (" +
              std::string(reason != nullptr ? reason : "unknown reason") +
              "). Expected libtorch_cuda.so and its libraries beside libtorch_cpu.so: install them "
              "with ATTNLAB_GPU=1 ./dev setup, or run with device=cpu.");
}

// Facts are worth having, not worth failing for: without our library the run goes on.
std::vector<std::pair<std::string, std::string>> device_facts(int index) {
  const auto file = paths::executable_dir().parent_path() / "lib" / "libattnlab_cuda.so";
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return {{"gpu", "unknown: built without nvcc"}};
  const auto ask = reinterpret_cast<decltype(&attnlab_cuda_device_facts)>(
      dlsym(library, "attnlab_cuda_device_facts"));
  char text[2048] = "";
  if (ask == nullptr || ask(index, text, sizeof text) != 0) return {{"gpu", "unknown"}};
  std::vector<std::pair<std::string, std::string>> facts;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto equals = line.find('=');
    facts.emplace_back(line.substr(0, equals), line.substr(equals + 1));
  }
  return facts;
}

}  // namespace

ChosenDevice begin_on(config::Device wanted, std::int64_t threads) {
  if (at::get_num_interop_threads() != 1) at::set_num_interop_threads(1);  // once a process
  at::set_num_threads(static_cast<int>(threads));
  if (wanted == config::Device::automatic) {
    throw Error("device=auto: expected cpu or cuda; `attnlab` decides before it plans, because the "
                "fingerprint names the device.");
  }
  if (wanted == config::Device::cpu) return {.memory = static_cast<double>(memory_limit())};
  if (!machine::first_gpu()) {
    throw Error(
        "device=cuda: no CUDA device was found (no driver, or none visible). Run with device=cpu, "
        "or device=auto to take whatever is there.");
  }
  load_torch_cuda();
  ChosenDevice chosen{at::Device(at::kCUDA, 0), device_facts(0)};
  for (const auto& [name, text] : chosen.facts) {
    if (name == "gpu_memory_bytes") chosen.memory = std::strtod(text.c_str(), nullptr);
  }
  return chosen;
}

}  // namespace attnlab::worker
