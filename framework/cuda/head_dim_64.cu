#define ATTNLAB_HEAD_DIM 64
#include "framework/cuda/attention_kernels.cu"
