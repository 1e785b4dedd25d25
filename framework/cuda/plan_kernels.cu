#include "framework/cuda/hash.cuh"
#include "framework/cuda/plan_launch.h"
#include "framework/cuda/sort.cuh"
#include "framework/cuda/tile_list.cuh"

namespace attnlab::cuda {
namespace {

template <class Element, class Bucket>
__global__ void __launch_bounds__(kHashThreads) hash_kernel(HashParams<Element, Bucket> p) {
  hash_rows(p);
}
template <class Key>
__global__ void __launch_bounds__(kSortWarps* kWarp) count_kernel(SortParams<Key> p) {
  sort_count(p);
}
template <class Key>
__global__ void __launch_bounds__(kScanThreads) scan_kernel(SortParams<Key> p) {
  sort_scan(p);
}
template <class Key>
__global__ void __launch_bounds__(kSortWarps* kWarp) place_kernel(SortParams<Key> p) {
  sort_place(p);
}
__global__ void __launch_bounds__(kTileWarps* kWarp) query_tiles_kernel(TileListParams p) {
  list_query_tiles(p);
}
__global__ void __launch_bounds__(kTileWarps* kWarp) key_tiles_kernel(TileListParams p) {
  list_key_tiles(p);
}

unsigned grid(std::int64_t blocks) { return static_cast<unsigned>(blocks); }

template <class Element, class Bucket>
cudaError_t hash(const HashParams<void, void>& from, cudaStream_t stream) {
  HashParams<Element, Bucket> p;
  static_assert(sizeof p == sizeof from, "the two differ in the types behind pointers only");
  p.rows = static_cast<const Element*>(from.rows);
  p.projections = from.projections;
  p.buckets = static_cast<Bucket*>(from.buckets);
  p.batch_stride = from.batch_stride;
  p.head_stride = from.head_stride;
  p.row_stride = from.row_stride;
  p.batch = from.batch;
  p.heads = from.heads;
  p.rounds = from.rounds;
  p.length = from.length;
  p.head_dim = from.head_dim;
  p.half = from.half;
  const std::int64_t blocks = hash_blocks(p.rounds * p.batch * p.heads, p.length);
  if (blocks == 0) return cudaSuccess;
  hash_kernel<<<grid(blocks), kHashThreads, hash_shared_bytes(p.head_dim), stream>>>(p);
  return cudaGetLastError();
}

template <class Element>
cudaError_t hash_to(const HashParams<void, void>& p, AttnlabKey bucket, cudaStream_t stream) {
  switch (bucket) {
    case kAttnlabU8:
      return hash<Element, std::uint8_t>(p, stream);
    case kAttnlabU16:
      return hash<Element, std::uint16_t>(p, stream);
    case kAttnlabI32:
      return hash<Element, std::int32_t>(p, stream);
    default:
      return cudaErrorInvalidValue;
  }
}

template <class Key>
cudaError_t sort(const SortParams<void>& from, cudaStream_t stream) {
  SortParams<Key> p;
  static_assert(sizeof p == sizeof from, "the two differ in the type behind a pointer only");
  p.keys = static_cast<const Key*>(from.keys);
  p.counts = from.counts;
  p.rows = from.rows;
  p.start = from.start;
  p.parts = from.parts;
  p.part = from.part;
  p.groups = from.groups;
  p.length = from.length;
  p.buckets = from.buckets;
  p.chunks = sort_chunks(p.length, p.buckets);
  p.chunk_rows = sort_chunk_rows(p.buckets);
  if (p.groups == 0) return cudaSuccess;
  const std::int64_t blocks = sort_blocks(p.groups, p.chunks);
  const std::uint32_t shared = sort_shared_bytes(p.buckets);
  if (blocks > 0) count_kernel<<<grid(blocks), kSortWarps * kWarp, shared, stream>>>(p);
  scan_kernel<<<grid(p.groups), kScanThreads, kScanThreads * 4, stream>>>(p);
  if (blocks > 0) place_kernel<<<grid(blocks), kSortWarps * kWarp, shared, stream>>>(p);
  return cudaGetLastError();
}

cudaError_t sort_by(const SortParams<void>& p, AttnlabKey key, cudaStream_t stream) {
  switch (key) {
    case kAttnlabU8:
      return sort<std::uint8_t>(p, stream);
    case kAttnlabU16:
      return sort<std::uint16_t>(p, stream);
    case kAttnlabI32:
      return sort<std::int32_t>(p, stream);
    case kAttnlabKeep:
      return sort<Keep>(p, stream);
  }
  return cudaErrorInvalidValue;
}

cudaError_t list_tiles(const TileListParams& p, const SortParams<void>& order, bool keys,
                       cudaStream_t stream) {
  const auto slots = static_cast<std::size_t>(p.groups * p.slots);
  if (const auto status = cudaMemsetAsync(p.classes, kNoTile, slots, stream)) return status;
  const std::int64_t blocks = tile_list_blocks(p.groups, p.segments);
  if (blocks > 0 && keys) key_tiles_kernel<<<grid(blocks), kTileWarps * kWarp, 0, stream>>>(p);
  if (blocks > 0 && !keys) query_tiles_kernel<<<grid(blocks), kTileWarps * kWarp, 0, stream>>>(p);
  if (const auto status = cudaGetLastError()) return status;
  return sort<std::uint8_t>(order, stream);
}

}  // namespace
}  // namespace attnlab::cuda

using attnlab::cuda::HashParams;
using attnlab::cuda::SortParams;

const char* attnlab_cuda_error(int status) {
  return cudaGetErrorString(static_cast<cudaError_t>(status));
}

int attnlab_cuda_hash(const HashParams<void, void>* params, AttnlabElement element,
                      AttnlabKey bucket, void* stream) {
  const auto on = static_cast<cudaStream_t>(stream);
  switch (element) {
    case kAttnlabFloat32:
      return attnlab::cuda::hash_to<float>(*params, bucket, on);
    case kAttnlabBfloat16:
      return attnlab::cuda::hash_to<attnlab::cuda::Bf16>(*params, bucket, on);
    case kAttnlabFloat16:
      return attnlab::cuda::hash_to<attnlab::cuda::F16>(*params, bucket, on);
  }
  return cudaErrorInvalidValue;
}

int attnlab_cuda_sort(const SortParams<void>* params, AttnlabKey key, void* stream) {
  return attnlab::cuda::sort_by(*params, key, static_cast<cudaStream_t>(stream));
}

int attnlab_cuda_list_tiles(const attnlab::cuda::TileListParams* list,
                            const SortParams<void>* order, int keys, void* stream) {
  return attnlab::cuda::list_tiles(*list, *order, keys != 0, static_cast<cudaStream_t>(stream));
}
