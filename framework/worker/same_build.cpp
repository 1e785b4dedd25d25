#include "framework/worker/same_build.h"

#include "attnlab_framework_digest.h"
#include "framework/core/build_info.h"
#include "framework/core/error.h"

namespace attnlab::worker {

void check_same_build() {
  const auto& core = build_info();  // of libattnlab_core.so, from which `attnlab` makes fingerprints
  if (core.source_digest == ATTNLAB_ENGINE_DIGEST && core.cuda_digest == ATTNLAB_CUDA_DIGEST) return;
  throw Error(
      "attnlab-worker and libattnlab_core.so were built from different sources, so results would be "
      "stored under a fingerprint that is not theirs. Build both: `./dev build`, or cmake --build with "
      "the target attnlab-worker.");
}

}  // namespace attnlab::worker
