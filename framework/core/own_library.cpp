#include "framework/core/own_library.h"

#include <dlfcn.h>

#include "framework/core/error.h"
#include "framework/core/paths.h"

namespace attnlab {

void* address_in(const OwnLibrary& library, const char* function) {
  const auto path = paths::executable_dir().parent_path() / "lib" / library.file;
  void* opened = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (opened == nullptr) opened = ::dlopen(library.file, RTLD_NOW | RTLD_LOCAL);
  if (opened == nullptr) {
    throw Error("cannot load '" + path.string() + "', which " + library.needed_by + ": " + ::dlerror() + ". Install " +
                library.packages + ", or build attnlab again.");
  }
  if (void* const address = ::dlsym(opened, function)) return address;
  throw Error(std::string(library.file) + " lacks '" + function +
              "'; expected one of the same build. Build attnlab again.");
}

}  // namespace attnlab
