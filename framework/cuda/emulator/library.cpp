// library.cpp: libattnlab_cuda_emulated.so, the launchers on host pointers, for tests.
#include "framework/cuda/attention_launch.cu"
#include "framework/cuda/plan_kernels.cu"
