/// plan_launch.h: launchers of the kernels that make plans; part of libattnlab_cuda.so's interface.
///   All pointers are device pointers, `stream` is a cudaStream_t, nothing waits for the device.
///   Every launcher returns 0 or the CUDA error's number; attnlab_cuda_error() has its text.
#pragma once

#include <cstdint>

#include "framework/cuda/plan_params.h"

extern "C" {

enum AttnlabElement { kAttnlabFloat32 = 0, kAttnlabBfloat16 = 1, kAttnlabFloat16 = 2 };
/// Of bucket numbers; and kAttnlabKeep: bytes, of which those that are not 0 are kept as bucket 0.
enum AttnlabKey { kAttnlabU8 = 0, kAttnlabU16 = 1, kAttnlabI32 = 2, kAttnlabKeep = 3 };

const char* attnlab_cuda_error(int status);

/// The types of `rows` and `buckets` stand beside the parameters.
int attnlab_cuda_hash(const attnlab::cuda::HashParams<void, void>* params, AttnlabElement element,
                      AttnlabKey bucket, void* stream);

/// Counting sort, or compaction where key is kAttnlabKeep. `counts` must hold
/// groups * sort_chunks(length, buckets) * buckets integers; chunks and chunk_rows are filled here.
int attnlab_cuda_sort(const attnlab::cuda::SortParams<void>* params, AttnlabKey key, void* stream);

/// The tiles of queries (keys == 0) or of packed keys (keys == 1), longest first: sets all classes,
/// lists, sorts. `sort` is a sort of one group whose keys are list->classes.
int attnlab_cuda_list_tiles(const attnlab::cuda::TileListParams* list,
                            const attnlab::cuda::SortParams<void>* sort, int keys, void* stream);
}
