// other_build.cpp: preloaded, makes programs say that they are of another build: ATTNLAB_OTHER_BUILD
// is "FIELD=TEXT" with a field of BuildInfo.
#include <dlfcn.h>

#include <cstdlib>
#include <map>
#include <string>

#include "framework/core/build_info.h"

namespace attnlab {

const BuildInfo& build_info() {
  static const BuildInfo changed = [] {
    using Function = const BuildInfo& (*)();
    auto info = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "_ZN7attnlab10build_infoEv"))();
    const std::string words = std::getenv("ATTNLAB_OTHER_BUILD");
    const auto equals = words.find('=');
    std::map<std::string, std::string*>{{"compiler", &info.compiler},
                                        {"flags", &info.flags},
                                        {"torch", &info.torch},
                                        {"source_digest", &info.source_digest},
                                        {"cuda_digest", &info.cuda_digest},
                                        {"nvcc", &info.nvcc}}
        .at(words.substr(0, equals))
        ->assign(words.substr(equals + 1));
    return info;
  }();
  return changed;
}

}  // namespace attnlab
