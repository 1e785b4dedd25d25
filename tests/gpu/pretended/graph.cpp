// graph.cpp: what test_gpu_graph.so does on a GPU: nothing is recorded here, but a captured step
// may not wait for the device, and each replay is the step again.
#include <cstdint>
#include <functional>

#include "tests/gpu/pretended/pretended.h"

extern "C" __attribute__((visibility("default"))) void attnlab_run_in_graph(
    const std::function<void()>& step, int replays, const std::function<void()>& after_replay) {
  for (int i = 0; i < 2; ++i) step();
  for (int i = 0; i < replays; ++i) {
    {
      const attnlab::pretended::NoWaiting captured;
      step();
    }
    after_replay();
  }
}

// What libattnlab_cuda_graph.so does on a GPU: a replay is the work again, under the same rule.
extern "C" __attribute__((visibility("default"))) void* attnlab_graph_capture(const std::function<void()>& work) {
  for (int i = 0; i < 2; ++i) work();
  const attnlab::pretended::NoWaiting captured;
  work();
  return new std::function<void()>(work);
}
extern "C" __attribute__((visibility("default"))) void attnlab_graph_replay(void* graph) {
  const attnlab::pretended::NoWaiting captured;
  (*static_cast<std::function<void()>*>(graph))();
}
extern "C" __attribute__((visibility("default"))) void attnlab_graph_release(void* graph) {
  delete static_cast<std::function<void()>*>(graph);
}
extern "C" __attribute__((visibility("default"))) std::int64_t attnlab_graph_nodes(void*) { return 0; }
