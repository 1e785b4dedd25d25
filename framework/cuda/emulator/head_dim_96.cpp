#define ATTNLAB_HEAD_DIM 96
#include "framework/cuda/attention_kernels.cu"
