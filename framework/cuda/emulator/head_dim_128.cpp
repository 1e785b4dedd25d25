#define ATTNLAB_HEAD_DIM 128
#include "framework/cuda/attention_kernels.cu"
