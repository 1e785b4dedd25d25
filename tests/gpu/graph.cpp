// What graph.h declares: compiled against LibTorch's CUDA headers, its symbols found at run time.
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <functional>

extern "C" __attribute__((visibility("default"))) void attnlab_run_in_graph(
    const std::function<void()>& step, int replays, const std::function<void()>& after_replay) {
  c10::cuda::getDefaultCUDAStream().synchronize();  // which made the inputs
  const auto stream = c10::cuda::getStreamFromPool();
  const c10::cuda::CUDAStreamGuard guard(stream);
  for (int i = 0; i < 2; ++i) step();
  stream.synchronize();
  at::cuda::CUDAGraph graph;
  graph.capture_begin();
  step();
  graph.capture_end();
  for (int i = 0; i < replays; ++i) {
    graph.replay();
    stream.synchronize();
    after_replay();
  }
  stream.synchronize();
}
