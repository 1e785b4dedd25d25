// library.cpp: libattnlab_cuda_emulated.so, the launchers on host pointers, for tests.
#include "framework/cuda/plan_kernels.cu"
