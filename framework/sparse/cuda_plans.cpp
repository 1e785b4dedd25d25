// Hashing and sorting by the kernels of framework/cuda.
#include <ATen/ATen.h>

#include "framework/sparse/cuda_library.h"
#include "framework/sparse/passes.h"

namespace attnlab::sparse {
namespace {

namespace gpu = attnlab::cuda;

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
at::Tensor aligned_rows(const at::Tensor& rows) {
  const auto type = rows.scalar_type();
  const bool half = type == at::kBFloat16 || type == at::kHalf;
  auto read = half ? rows : rows.to(at::kFloat);
  const std::int64_t step = half ? 8 : 1;
  bool fits =
      read.stride(3) == 1 && reinterpret_cast<std::uintptr_t>(read.const_data_ptr()) % 16 == 0;
  for (int axis = 0; axis < 3; ++axis) fits = fits && read.stride(axis) % step == 0;
  return fits ? read : read.clone(at::MemoryFormat::Contiguous);
}

}  // namespace

void cuda::sort(const at::Tensor& keys, std::int64_t N, std::int64_t part, const Sorted& to) {
  const std::int64_t T = keys.size(-1);
  const auto count = static_cast<std::int32_t>(N);
  gpu::SortParams params;
  params.groups = 1;
  for (const auto size : keys.sizes().slice(0, keys.dim() - 1)) params.groups *= size;
  const auto options = keys.options().dtype(at::kInt);
  const auto counts = at::empty({gpu::sort_scratch(params.groups, T, count)}, options);
  const auto start = to.start.defined() ? to.start : at::empty({params.groups, N + 1}, options);
  params.keys = keys.const_data_ptr();
  params.counts = counts.mutable_data_ptr<std::int32_t>();
  params.rows = to.rows.mutable_data_ptr<std::int32_t>();
  params.start = start.mutable_data_ptr<std::int32_t>();
  if (to.parts.defined()) params.parts = to.parts.mutable_data_ptr<std::int32_t>();
  params.part = static_cast<std::int32_t>(part);
  params.length = T;
  params.buckets = count;
  launch(keys, "sort_by_bucket",
         [&](void* stream) { return cuda_library().sort(&params, key_of(keys), stream); });
}

at::Tensor cuda::hash(const at::Tensor& rows, const at::Tensor& projections,
                      const at::Tensor& offset) {
  const std::int64_t padding = (8 - rows.size(3) % 8) % 8;  // the kernel adds nothing for them
  const auto x = aligned_rows(padding == 0 ? rows : at::constant_pad_nd(rows, {0, padding}));
  const auto matrices = projections.contiguous();
  const auto subtracted = offset.defined() ? offset.contiguous() : at::Tensor();
  const std::int64_t B = x.size(0), H = x.size(1), T = x.size(2);
  const std::int64_t R = matrices.size(0), half = matrices.size(3);
  const auto buckets = at::empty({R, B, H, T}, x.options().dtype(smallest_type(2 * half)));
  gpu::HashParams params;
  params.rows = x.const_data_ptr();
  params.projections = matrices.const_data_ptr<float>();
  params.projection_heads = matrices.size(1);
  if (subtracted.defined()) {
    params.offsets = subtracted.const_data_ptr<float>();
    params.offset_heads = subtracted.size(1);
  }
  params.buckets = buckets.mutable_data_ptr();
  params.batch_stride = x.stride(0);
  params.head_stride = x.stride(1);
  params.row_stride = x.stride(2);
  params.batch = B;
  params.heads = H;
  params.rounds = R;
  params.length = T;
  params.head_dim = static_cast<std::int32_t>(x.size(3));
  params.matrix_rows = static_cast<std::int32_t>(matrices.size(2));
  params.half = static_cast<std::int32_t>(half);
  launch(x, "hash_buckets", [&](void* stream) {
    return cuda_library().hash(&params, element_of(x.scalar_type()), key_of(buckets), stream);
  });
  return buckets;
}

}  // namespace attnlab::sparse
