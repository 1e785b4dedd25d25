#include "framework/sparse/cuda_plans.h"

#include <ATen/ATen.h>

#include "framework/sparse/cuda_library.h"

namespace attnlab::sparse::cuda {
namespace {

using attnlab::cuda::HashParams;
using attnlab::cuda::SortParams;

AttnlabElement element_of(const at::Tensor& rows) {
  if (rows.scalar_type() == at::kBFloat16) return kAttnlabBfloat16;
  return rows.scalar_type() == at::kHalf ? kAttnlabFloat16 : kAttnlabFloat32;
}

AttnlabKey key_of(const at::Tensor& keys) {
  switch (keys.scalar_type()) {
    case at::kByte:
      return kAttnlabU8;
    case at::kUInt16:
      return kAttnlabU16;
    case at::kInt:
      return kAttnlabI32;
    case at::kBool:
      return kAttnlabKeep;
    default:
      TORCH_CHECK(false, "[sort_by_bucket] buckets are ", keys.scalar_type(),
                  "; expected uint8, uint16 or int32");
  }
}

at::ScalarType smallest_type(std::int64_t buckets) {
  if (buckets <= 256) return at::kByte;
  return buckets <= 65'536 ? at::kUInt16 : at::kInt;
}

/// The kernel loads 16 bytes at a time.
at::Tensor readable(const at::Tensor& rows) {
  const auto type = rows.scalar_type();
  const bool half = type == at::kBFloat16 || type == at::kHalf;
  auto read = half ? rows.detach() : rows.detach().to(at::kFloat);
  const std::int64_t step = half ? 8 : 1;
  bool fits =
      read.stride(3) == 1 && reinterpret_cast<std::uintptr_t>(read.const_data_ptr()) % 16 == 0;
  for (int axis = 0; axis < 3; ++axis) fits = fits && read.stride(axis) % step == 0;
  return fits ? read : read.clone(at::MemoryFormat::Contiguous);
}

struct SortOutput {
  at::Tensor rows, start, chunks;  // chunks may be undefined
};

/// One sort of `groups` rows of length T; keys contiguous.
void sort(const at::Tensor& keys, std::int64_t groups, std::int64_t T, std::int64_t N,
          const SortOutput& output, std::int64_t chunk) {
  const auto count = static_cast<std::int32_t>(N);
  const auto counts = at::empty({groups * attnlab::cuda::sort_chunks(T, count) * N},
                                keys.options().dtype(at::kInt));
  SortParams<void> params;
  params.keys = keys.const_data_ptr();
  params.counts = counts.mutable_data_ptr<std::int32_t>();
  params.rows = output.rows.mutable_data_ptr<std::int32_t>();
  params.start = output.start.mutable_data_ptr<std::int32_t>();
  if (output.chunks.defined()) params.parts = output.chunks.mutable_data_ptr<std::int32_t>();
  params.part = static_cast<std::int32_t>(chunk);
  params.groups = groups;
  params.length = T;
  params.buckets = count;
  check_launch(cuda_library().sort(&params, key_of(keys), current_stream(keys)), "sort_by_bucket");
}

GroupedRows grouped(const at::Tensor& keys, std::int64_t N) {
  const auto options = keys.options().dtype(at::kInt);
  const std::int64_t B = keys.size(0), H = keys.size(1), T = keys.size(2);
  GroupedRows result{at::zeros({B, H, T}, options), at::empty({B, H, N + 1}, options)};
  sort(keys.contiguous(), B * H, T, N, {result.rows, result.start, {}}, 1);
  return result;
}

}  // namespace

at::Tensor hash_buckets(const at::Tensor& rows, const at::Tensor& projections) {
  const std::int64_t padding = (8 - rows.size(3) % 8) % 8;  // zeros add nothing to a projection
  const auto x = readable(padding == 0 ? rows : at::constant_pad_nd(rows.detach(), {0, padding}));
  const std::int64_t B = x.size(0), H = x.size(1), T = x.size(2), D = x.size(3);
  const std::int64_t R = projections.size(0), half = projections.size(3);
  const auto matrices = at::constant_pad_nd(projections.detach(), {0, 0, 0, padding})
                            .expand({R, H, D, half})
                            .contiguous();
  const auto buckets = at::empty({R, B, H, T}, x.options().dtype(smallest_type(2 * half)));
  HashParams<void, void> params;
  params.rows = x.const_data_ptr();
  params.projections = matrices.const_data_ptr<float>();
  params.buckets = buckets.mutable_data_ptr();
  params.batch_stride = x.stride(0);
  params.head_stride = x.stride(1);
  params.row_stride = x.stride(2);
  params.batch = B;
  params.heads = H;
  params.rounds = R;
  params.length = T;
  params.head_dim = static_cast<std::int32_t>(D);
  params.half = static_cast<std::int32_t>(half);
  check_launch(cuda_library().hash(&params, element_of(x), key_of(buckets), current_stream(x)),
               "hash_buckets");
  return buckets;
}

GroupedRows sort_by_bucket(const at::Tensor& buckets, std::int64_t N) {
  return grouped(buckets, N);
}

GroupedRows compact(const at::Tensor& keep) { return grouped(keep, 1); }

Chunked sort_into_chunks(const at::Tensor& buckets, std::int64_t bucket_count, std::int64_t chunk) {
  const auto keys = buckets.contiguous();  // [R, B, H, T]
  const std::int64_t T = keys.size(3), groups = keys.size(0) * keys.size(1) * keys.size(2);
  const auto options = keys.options().dtype(at::kInt);
  Chunked result{at::empty(keys.sizes(), options), at::empty(keys.sizes(), options)};
  const auto start = at::empty({groups, bucket_count + 1}, options);
  sort(keys, groups, T, bucket_count, {result.order, start, result.chunks}, chunk);
  return result;
}

}  // namespace attnlab::sparse::cuda
