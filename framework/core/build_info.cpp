#include "framework/core/build_info.h"

#include "attnlab_framework_digest.h"

namespace attnlab {

const BuildInfo& build_info() {
  static const BuildInfo info{ATTNLAB_VERSION,          ATTNLAB_COMPILER,
                              ATTNLAB_FLAGS,            ATTNLAB_BUILT_WITH_TORCH,
                              ATTNLAB_ENGINE_DIGEST,    ATTNLAB_CUDA_DIGEST,
                              ATTNLAB_HAS_INSTRUMENTS,  ATTNLAB_NVCC};
  return info;
}

std::string not_in_this_build(const std::string& instrument) {
  return "this build has no " + instrument +
         ": it was made by `./dev demo`, or with ATTNLAB_INSTRUMENTS=OFF. `./dev build` adds it.";
}

}  // namespace attnlab
