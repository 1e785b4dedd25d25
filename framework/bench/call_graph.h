/// call_graph.h: one pass of a subject as a CUDA graph, which the host starts with one launch.
///   libattnlab_cuda_graph.so alone is compiled against LibTorch's CUDA headers; it is loaded where a GPU is.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "framework/bench/subject.h"

namespace attnlab::bench {

inline constexpr std::int64_t kLongestCaptured = 2048;  // T: beyond, launches are a small part of a call

class CallGraph {
 public:
  /// Captures forward, or forward and backward, and compares a replay bit by bit with the call. Both outlive
  /// it. Throws Error or c10::Error where something waits for the device, the library is missing, or answers differ.
  CallGraph(Subject& subject, const Inputs& in, config::Pass pass);
  ~CallGraph();
  CallGraph(const CallGraph&) = delete;
  CallGraph& operator=(const CallGraph&) = delete;

  void replay();  // in the current stream; nobody waits
  /// What the pass starts on the device: kernels, copies and fills. Where kernels are emulated, attnlab's kernels.
  [[nodiscard]] std::int64_t launches() const { return launches_; }

 private:
  std::vector<at::Tensor> results_;  // written by every replay
  void* graph_ = nullptr;
  std::int64_t launches_ = 0;
};

}  // namespace attnlab::bench
