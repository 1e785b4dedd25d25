/// graph.h: a step captured in a CUDA graph, by test_gpu_graph.so.
///   That library alone is compiled against LibTorch's CUDA headers; it is loaded where a GPU is,
///   so that the test program itself starts on machines without CUDA's libraries. A pretended GPU
///   brings the same function along.
#pragma once

#include <ATen/ATen.h>
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "framework/core/paths.h"

namespace attnlab::test {

/// Runs `step` twice, captures it, and replays it so many times, calling `after_replay` behind
/// each. Waiting for the device while `step` is captured is an error.
using RunInGraph = void (*)(const std::function<void()>& step, int replays,
                            const std::function<void()>& after_replay);

inline constexpr int kWarmUps = 2;

/// Null with a failure where there is none.
inline RunInGraph run_in_graph() {
  constexpr auto kName = "attnlab_run_in_graph";
  void* function = dlsym(RTLD_DEFAULT, kName);
  if (function == nullptr) {
    const auto file = paths::executable_dir() / "test_gpu_graph.so";
    if (void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL)) {
      function = dlsym(library, kName);
    }
  }
  if (function == nullptr) ADD_FAILURE() << "CUDA graphs cannot be tested: " << dlerror();
  return reinterpret_cast<RunInGraph>(function);
}

/// `step` writes into `result` (the same tensors every time); replays give what it gives without a
/// graph.
inline void expect_capturable(const std::function<void()>& step,
                              const std::vector<at::Tensor>& result) {
  const auto run = run_in_graph();
  if (run == nullptr) return;
  step();
  std::vector<at::Tensor> expected;
  for (const auto& tensor : result) expected.push_back(tensor.clone());
  run(step, 2, [&] {
    for (std::size_t i = 0; i < result.size(); ++i) {
      EXPECT_TRUE(result[i].equal(expected[i])) << "result " << i;
      result[i].zero_();  // the next replay writes it again
    }
  });
}

}  // namespace attnlab::test
