#include "framework/core/build_info.h"

#include "attnlab_framework_digest.h"

namespace attnlab {

const BuildInfo& build_info() {
  static const BuildInfo info{ATTNLAB_VERSION,          ATTNLAB_COMPILER,
                              ATTNLAB_FLAGS,            ATTNLAB_BUILT_WITH_TORCH,
                              ATTNLAB_ENGINE_DIGEST,    ATTNLAB_CUDA_DIGEST,
                              ATTNLAB_NVCC};
  return info;
}

}  // namespace attnlab
