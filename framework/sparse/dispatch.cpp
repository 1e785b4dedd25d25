#include "framework/sparse/dispatch.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "framework/core/error.h"

namespace attnlab::sparse {
namespace {

struct InstructionSet {
  const char* name;
  bool runs_here;
};

/// The widest first.
std::vector<InstructionSet> instruction_sets() {
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("f16c");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f");
  const bool bf16 = avx512 && __builtin_cpu_supports("avx512bf16") &&
                    __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  return {{"avx512_bf16", bf16}, {"avx512", avx512}, {"avx2", avx2}, {"baseline", true}};
#else
  return {{"baseline", true}};
#endif
}

std::filesystem::path own_folder() {
  Dl_info here{};
  if (dladdr(reinterpret_cast<const void*>(&kernel_table_of), &here) == 0) return {};
  return std::filesystem::path(here.dli_fname).parent_path();
}

/// Beside this library; a program that contains this code stands in bin, beside lib.
std::filesystem::path library_file(const std::string& name) {
  const std::string file = "libattnlab_sparse_" + name + ".so";
  const auto beside = own_folder() / file;
  return std::filesystem::exists(beside) ? beside : own_folder().parent_path() / "lib" / file;
}

std::string choose() {
  const char* const wanted = std::getenv("ATTNLAB_CPU");
  std::string names;
  for (const auto& set : instruction_sets()) {
    if (wanted == nullptr && set.runs_here) return set.name;
    if (wanted != nullptr && set.name == std::string(wanted)) {
      if (set.runs_here) return set.name;
      throw Error(
          "ATTNLAB_CPU=" + std::string(wanted) +
          ": this processor lacks these instructions. Unset it to take the best that runs.");
    }
    names += (names.empty() ? "" : ", ") + std::string(set.name);
  }
  throw Error("ATTNLAB_CPU=" + std::string(wanted) + ": expected one of " + names + ".");
}

}  // namespace

const KernelTable& kernel_table_of(const std::string& name) {
  if (name == "baseline") return baseline::kernel_table();
  const auto file = library_file(name);
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  const auto table =
      library == nullptr
          ? nullptr
          : reinterpret_cast<const KernelTable& (*)()>(dlsym(library, "attnlab_sparse_kernels"));
  if (table == nullptr) {
    throw Error("the kernels for " + name + " cannot be loaded: " + dlerror() + ". Expected " +
                file.string() +
                ", which the build makes; build anew, or set ATTNLAB_CPU=baseline.");
  }
  return table();
}

std::vector<std::string> runnable_sets() {
  std::vector<std::string> names;
  for (const auto& set : instruction_sets()) {
    if (set.runs_here) names.emplace_back(set.name);
  }
  return names;
}

const KernelTable& kernel_table() {
  static const KernelTable& best = kernel_table_of(choose());
  return best;
}

}  // namespace attnlab::sparse
