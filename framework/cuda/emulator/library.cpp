// library.cpp: libattnlab_cuda_emulated.so, the launchers on host pointers, for tests.
#include "framework/cuda/attention_launch.cu"
#include "framework/cuda/model_kernels.cu"
#include "framework/cuda/plan_kernels.cu"

/// Kernels started since the program began, for tests that count them.
extern "C" std::int64_t attnlab_emulated_launches() {
  return attnlab::cuda::emulator::counts().launches;
}
