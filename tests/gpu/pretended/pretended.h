/// pretended.h: a device that LibTorch takes for CUDA and whose memory is the host's.
///   Every operator runs as LibTorch's CPU kernel on the same bytes, but devices are told apart as
///   strictly as CUDA tells them apart, and what would make the host wait for the device is known.
///   With libattnlab_cuda_emulated.so all code for GPUs runs on machines that have none.
/// Preload it (LD_PRELOAD): its soname is libtorch_cuda.so, so it is found where that is loaded. Or
/// preload libattnlab_pretended_late.so instead: then it is there from that moment on only, as on a
/// GPU, and who asks LibTorch for CUDA before that is told there is none, for ever.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Allocator.h>

namespace attnlab::pretended {

/// While one lives, whatever waits for the device throws c10::Error, as in a captured CUDA graph.
class NoWaiting {
 public:
  NoWaiting();
  ~NoWaiting();
  NoWaiting(const NoWaiting&) = delete;
  NoWaiting& operator=(const NoWaiting&) = delete;
};

/// Called by what waits: "cudaErrorStreamCaptureUnsupported: `what` waits for the device ...".
void waits(const char* what);

/// A device tensor over the memory of `host`, which it keeps alive; and the storage of one.
[[nodiscard]] c10::Storage on_device(const c10::Storage& host);
[[nodiscard]] bool is_pinned(const void* data);

}  // namespace attnlab::pretended
