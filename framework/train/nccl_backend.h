/// nccl_backend.h: c10d's NCCL backend, made by a library of its own, libattnlab_nccl.so: its code lies in
///   LibTorch's CUDA part, which is loaded where a driver is and nowhere else.
#pragma once

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

/// Sums of tensors on this process's current CUDA device, over all ranks that meet in `store`. No limit of
/// NCCL's or of c10d's watchdog is set: how long is too long is decided by whoever waits. Throws what c10d throws.
extern "C" void attnlab_nccl_backend(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size,
                                     c10::intrusive_ptr<c10d::Backend>& backend);

namespace attnlab::train {

inline constexpr const char* kNcclSymbol = "attnlab_nccl_backend";

}  // namespace attnlab::train
