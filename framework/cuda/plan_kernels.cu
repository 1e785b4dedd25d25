#include "framework/cuda/hash.cuh"
#include "framework/cuda/launch.h"
#include "framework/cuda/plan_launch.h"
#include "framework/cuda/sort.cuh"
#include "framework/cuda/tile_list.cuh"

namespace attnlab::cuda {
namespace {

template <class Element, class Bucket>
GPU_KERNEL(kHashThreads)
hash_kernel(HashParams<Element, Bucket> p) {
  hash_rows(p);
}
template <class Key>
GPU_KERNEL(kSortWarps* kWarp)
count_kernel(SortParams<Key> p) {
  sort_count(p);
}
template <class Key>
GPU_KERNEL(kScanThreads)
scan_kernel(SortParams<Key> p) {
  sort_scan(p);
}
template <class Key>
GPU_KERNEL(kSortWarps* kWarp)
place_kernel(SortParams<Key> p) {
  sort_place(p);
}
GPU_KERNEL(kTileWarps* kWarp) query_tiles_kernel(TileListParams p) { list_query_tiles(p); }
GPU_KERNEL(kTileWarps* kWarp) key_tiles_kernel(TileListParams p) { list_key_tiles(p); }

template <class Element, class Bucket>
Status hash(const HashParams<void, void>& from, void* stream) {
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
  return launch(hash_kernel<Element, Bucket>, {blocks, kHashThreads, hash_shared_bytes(p.head_dim)},
                stream, p);
}

template <class Element>
Status hash_to(const HashParams<void, void>& p, AttnlabKey bucket, void* stream) {
  switch (bucket) {
    case kAttnlabU8:
      return hash<Element, std::uint8_t>(p, stream);
    case kAttnlabU16:
      return hash<Element, std::uint16_t>(p, stream);
    case kAttnlabI32:
      return hash<Element, std::int32_t>(p, stream);
    default:
      return kInvalidValue;
  }
}

template <class Key>
Status sort(const SortParams<void>& from, void* stream) {
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
  const LaunchGrid warps{sort_blocks(p.groups, p.chunks), kSortWarps * kWarp,
                         sort_shared_bytes(p.buckets)};
  if (const auto status = launch(count_kernel<Key>, warps, stream, p)) return status;
  const LaunchGrid groups{p.groups, kScanThreads, kScanThreads * 4};
  if (const auto status = launch(scan_kernel<Key>, groups, stream, p)) return status;
  return launch(place_kernel<Key>, warps, stream, p);
}

Status sort_by(const SortParams<void>& p, AttnlabKey key, void* stream) {
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
  return kInvalidValue;
}

Status list_tiles(const TileListParams& p, const SortParams<void>& order, bool keys, void* stream) {
  if (const auto status = set_bytes(p.classes, kNoTile, p.groups * p.slots, stream)) {
    return status;
  }
  const LaunchGrid warps{tile_list_blocks(p.groups, p.segments), kTileWarps * kWarp, 0};
  if (const auto status = launch(keys ? key_tiles_kernel : query_tiles_kernel, warps, stream, p)) {
    return status;
  }
  return sort<std::uint8_t>(order, stream);
}

}  // namespace
}  // namespace attnlab::cuda

using attnlab::cuda::HashParams;
using attnlab::cuda::SortParams;

const char* attnlab_cuda_error(int status) { return attnlab::cuda::status_text(status); }

int attnlab_cuda_hash(const HashParams<void, void>* params, AttnlabElement element,
                      AttnlabKey bucket, void* stream) {
  using namespace attnlab::cuda;
  switch (element) {
    case kAttnlabFloat32:
      return hash_to<float>(*params, bucket, stream);
    case kAttnlabBfloat16:
      return hash_to<Bf16>(*params, bucket, stream);
    case kAttnlabFloat16:
      return hash_to<F16>(*params, bucket, stream);
  }
  return kInvalidValue;
}

int attnlab_cuda_sort(const SortParams<void>* params, AttnlabKey key, void* stream) {
  return attnlab::cuda::sort_by(*params, key, stream);
}

int attnlab_cuda_list_tiles(const attnlab::cuda::TileListParams* list,
                            const SortParams<void>* order, int keys, void* stream) {
  return attnlab::cuda::list_tiles(*list, *order, keys != 0, stream);
}
