#define ATTNLAB_HEAD_DIM 64
#include "framework/cuda/group_kernels.cu"
