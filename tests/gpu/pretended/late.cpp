// late.cpp: the pretended GPU found where libtorch_cuda.so is looked for, and not before. Preloaded
// in place of it; LibTorch's own folder comes first in every program, so a search path would not
// do.
#include <dlfcn.h>

#include <string>

extern "C" __attribute__((visibility("default"))) void* dlopen(const char* file, int mode) {
  static const auto next =
      reinterpret_cast<void* (*)(const char*, int)>(dlsym(RTLD_NEXT, "dlopen"));
  if (file == nullptr || std::string(file) != "libtorch_cuda.so") return next(file, mode);
  Dl_info here{};
  dladdr(reinterpret_cast<const void*>(&dlopen), &here);
  const std::string self = here.dli_fname;
  return next((self.substr(0, self.rfind('/') + 1) + "libattnlab_pretended_gpu.so").c_str(), mode);
}
