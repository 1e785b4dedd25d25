/// plan_launch.h: launchers of the kernels that make plans; part of libattnlab_cuda.so's interface.
///   All pointers are device pointers, `stream` is a cudaStream_t of the current device, nothing
///   waits for it. Every launcher returns 0 or the CUDA error's number; attnlab_cuda_error() has
///   its text. From any thread.
#pragma once

#include <cstdint>

#include "framework/cuda/plan_params.h"

extern "C" {

enum AttnlabElement { kAttnlabFloat32 = 0, kAttnlabBfloat16 = 1, kAttnlabFloat16 = 2 };
/// Of bucket numbers; and kAttnlabKeep: bytes, of which those that are not 0 are kept as bucket 0.
enum AttnlabKey { kAttnlabU8 = 0, kAttnlabU16 = 1, kAttnlabI32 = 2, kAttnlabKeep = 3 };

const char* attnlab_cuda_error(int status);

/// The types of `rows` and `buckets` stand beside the parameters.
int attnlab_cuda_hash(const attnlab::cuda::HashParams* params, AttnlabElement element,
                      AttnlabKey bucket, void* stream);

/// Counting sort, or compaction where key is kAttnlabKeep.
int attnlab_cuda_sort(const attnlab::cuda::SortParams* params, AttnlabKey key, void* stream);

int attnlab_cuda_check_plan(const attnlab::cuda::CheckParams* params, void* stream);

/// The tiles of a plan, longest first.
int attnlab_cuda_list_tiles(const attnlab::cuda::TileListParams* params, void* stream);
}
