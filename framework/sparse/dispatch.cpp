#include "framework/sparse/dispatch.h"

#include <dlfcn.h>

#include <filesystem>
#include <string>

#include "framework/core/error.h"
#include "framework/core/machine.h"

namespace attnlab::sparse {
namespace {

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
                ", which ./dev build makes (./dev demo that of its own processor alone); or set ATTNLAB_CPU=baseline.");
  }
  return table();
}

const KernelTable& kernel_table() {
  static const KernelTable& best = kernel_table_of(machine::instruction_set());
  return best;
}

}  // namespace attnlab::sparse
