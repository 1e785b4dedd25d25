// graph.cpp: what test_gpu_graph.so does on a GPU: nothing is recorded here, but a captured step
// may not wait for the device, and each replay is the step again.
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
