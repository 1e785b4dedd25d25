#include "framework/cuda/hash.cuh"
#include "framework/cuda/launch.h"
#include "framework/cuda/plan_check.cuh"
#include "framework/cuda/plan_launch.h"
#include "framework/cuda/sort.cuh"
#include "framework/cuda/tile_list.cuh"

namespace attnlab::cuda {
namespace {

template <class Element, class Bucket>
Status hash(const HashParams& p, void* stream) {
  using Kernel = HashRows<Element, Bucket>;
  return start<Kernel>(Kernel::blocks(p), p, stream, Kernel::shared_bytes(p.head_dim));
}

template <class Element>
Status hash_to(const HashParams& p, AttnlabKey bucket, void* stream) {
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
Status sort(const SortParams& p, void* stream) {
  const std::int64_t blocks = SortChunk<Key>::blocks(p);
  const std::uint32_t shared = SortChunk<Key>::shared_bytes(p.buckets);
  if (const auto status = start<SortCount<Key>>(blocks, p, stream, shared)) return status;
  if (const auto status = start<SortScan>(p.groups, p, stream)) return status;
  return start<SortPlace<Key>>(blocks, p, stream, shared);
}

}  // namespace
}  // namespace attnlab::cuda

using namespace attnlab::cuda;

const char* attnlab_cuda_error(int status) { return status_text(status); }

int attnlab_cuda_hash(const HashParams* params, AttnlabElement element, AttnlabKey bucket,
                      void* stream) {
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

int attnlab_cuda_sort(const SortParams* params, AttnlabKey key, void* stream) {
  switch (key) {
    case kAttnlabU8:
      return sort<std::uint8_t>(*params, stream);
    case kAttnlabU16:
      return sort<std::uint16_t>(*params, stream);
    case kAttnlabI32:
      return sort<std::int32_t>(*params, stream);
    case kAttnlabKeep:
      return sort<Keep>(*params, stream);
  }
  return kInvalidValue;
}

int attnlab_cuda_check_plan(const CheckParams* params, void* stream) {
  return start<CheckPlan>(params->plan.groups, *params, stream);
}

int attnlab_cuda_list_tiles(const TileListParams* params, void* stream) {
  if (const auto status = start<ListTiles>(ListTiles::blocks(*params), *params, stream)) {
    return status;
  }
  const TileMemory memory(params->plan, params->tile_rows, params->of_keys);
  SortParams order;
  order.keys = params->memory + memory.classes;
  order.counts = params->memory + memory.counts;
  order.items = reinterpret_cast<const TileItem*>(params->memory);
  order.sorted = reinterpret_cast<TileItem*>(params->memory + memory.sorted);
  order.start = params->memory + memory.start;
  order.groups = 1;
  order.length = memory.count;
  order.buckets = kTileClasses;
  return sort<std::uint8_t>(order, stream);
}
