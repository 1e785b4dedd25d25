/// gpu_sums.h: sums over the ranks of tensors on their GPUs, through NCCL (nccl_backend.h). For gloo_group.cpp, which
///   decides how long is too long.
#pragma once

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <string>
#include <vector>

namespace attnlab::train {

/// Of this process's first device. For one thread at a time.
class GpuSums {
 public:
  /// Throws Error where `library` cannot be loaded, c10::Error where c10d cannot use it. NCCL connects in the first sum.
  GpuSums(const std::string& library, c10::intrusive_ptr<c10d::Store> store, int rank, int size);

  /// blockCurrentStream() of the result lets the current stream wait for it.
  [[nodiscard]] c10::intrusive_ptr<c10d::Work> begin(const at::Tensor& numbers);
  [[nodiscard]] bool begun() const { return !on_way_.empty(); }
  /// Whether all that were begun have ended; where not, a moment later.
  [[nodiscard]] bool over();
  /// Once they have: rethrows what one of them failed with.
  void take();

  void shut_down() { backend_->shutdown(); }
  /// Sums that wait for a rank that is gone hold their stream, and with it whoever frees memory of the device. Where not
  /// even this ends within seconds, what the backend holds is left to the end of the process.
  void abort();

 private:
  c10::intrusive_ptr<c10d::Backend> backend_;
  std::vector<c10::intrusive_ptr<c10d::Work>> on_way_;
};

}  // namespace attnlab::train
