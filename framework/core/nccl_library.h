/// nccl_library.h: where the library is that sums over ranks on GPUs (framework/train/nccl_backend.h).
#pragma once

#include <filesystem>

namespace attnlab::paths {

/// ATTNLAB_NCCL_LIBRARY, else ../lib/libattnlab_nccl.so beside the program; builds without nccl.h have none.
[[nodiscard]] std::filesystem::path nccl_library();

}  // namespace attnlab::paths
