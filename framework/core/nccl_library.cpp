#include "framework/core/nccl_library.h"

#include <cstdlib>

#include "framework/core/paths.h"

namespace attnlab::paths {

std::filesystem::path nccl_library() {
  const char* const named = std::getenv("ATTNLAB_NCCL_LIBRARY");
  if (named != nullptr && *named != 0) return named;
  return executable_dir().parent_path() / "lib" / "libattnlab_nccl.so";
}

}  // namespace attnlab::paths
