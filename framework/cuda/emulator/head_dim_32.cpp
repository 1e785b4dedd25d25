#define ATTNLAB_HEAD_DIM 32
#include "framework/cuda/attention_kernels.cu"
