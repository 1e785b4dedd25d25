#define ATTNLAB_HEAD_DIM 128
#include "framework/cuda/group_kernels.cu"
