// libattnlab_cuda_graph.so: a piece of work captured in a CUDA graph. Compiled against LibTorch's CUDA headers,
// its symbols found at run time, so that nothing else needs CUDA's libraries to start (call_graph.h).
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <cstdint>
#include <functional>
#include <memory>

#define ATTNLAB_OFFERED extern "C" __attribute__((visibility("default")))

/// After two runs of `work`, which allocate and draw what later ones find. Throws what LibTorch throws where the work
/// waits for the device.
ATTNLAB_OFFERED void* attnlab_graph_capture(const std::function<void()>& work) {
  c10::cuda::getCurrentCUDAStream().synchronize();  // which made the inputs
  const auto stream = c10::cuda::getStreamFromPool();
  const c10::cuda::CUDAStreamGuard guard(stream);
  for (int i = 0; i < 2; ++i) work();
  stream.synchronize();
  auto graph = std::make_unique<at::cuda::CUDAGraph>(/*keep_graph=*/true);
  graph->capture_begin();
  work();
  graph->capture_end();
  graph->instantiate();
  stream.synchronize();
  return graph.release();
}

ATTNLAB_OFFERED std::int64_t attnlab_graph_nodes(void* graph) {
  std::size_t nodes = 0;
  const auto status = cudaGraphGetNodes(static_cast<at::cuda::CUDAGraph*>(graph)->raw_cuda_graph(), nullptr, &nodes);
  return status == cudaSuccess ? static_cast<std::int64_t>(nodes) : 0;
}

ATTNLAB_OFFERED void attnlab_graph_replay(void* graph) { static_cast<at::cuda::CUDAGraph*>(graph)->replay(); }

ATTNLAB_OFFERED void attnlab_graph_release(void* graph) { delete static_cast<at::cuda::CUDAGraph*>(graph); }
