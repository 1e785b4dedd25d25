#include "framework/sparse/hashing.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "framework/sparse/cuda_library.h"
#include "framework/sparse/cuda_plans.h"
#include "framework/sparse/dispatch.h"
#include "framework/sparse/parallel.h"
#include "framework/sparse/row_kernels.h"

namespace attnlab::sparse {
namespace {

constexpr std::int64_t kBlockRows = 512;

/// The kernel reads float32 and bfloat16 with any strides, as long as a row is contiguous.
at::Tensor readable(const at::Tensor& rows) {
  const auto dtype = rows.scalar_type() == at::kBFloat16 ? at::kBFloat16 : at::kFloat;
  const auto read = rows.detach().to(dtype);
  return read.stride(3) == 1 ? read : read.contiguous();
}

/// [R, H or 1, D, half] -> [R, H, blocks, D, kHashColumns], zeros past the last column.
at::Tensor in_blocks(const at::Tensor& projections, std::int64_t heads) {
  const std::int64_t half = projections.size(3);
  const std::int64_t blocks = (half + kHashColumns - 1) / kHashColumns;
  return at::constant_pad_nd(projections, {0, blocks * kHashColumns - half})
      .expand({projections.size(0), heads, projections.size(2), blocks * kHashColumns})
      .unflatten(3, {blocks, kHashColumns})
      .transpose(2, 3)
      .contiguous();
}

void check(const at::Tensor& rows, const at::Tensor& projections) {
  TORCH_CHECK(rows.dim() == 4 && rows.is_floating_point() && (rows.is_cpu() || rows.is_cuda()),
              "[hash_buckets] rows: ", rows.scalar_type(), " ", rows.sizes(), " on ", rows.device(),
              "; expected a floating dtype, [B, H, T, D], on CPU or CUDA");
  const std::int64_t heads = projections.dim() == 4 ? projections.size(1) : 0;
  TORCH_CHECK(projections.scalar_type() == at::kFloat && projections.device() == rows.device() &&
                  (heads == rows.size(1) || heads == 1) && projections.size(2) == rows.size(3) &&
                  projections.size(3) > 0,
              "[hash_buckets] projections: ", projections.scalar_type(), " ", projections.sizes(),
              " on ", projections.device(), "; expected float32 [R, ", rows.size(1), " or 1, ",
              rows.size(3), ", buckets / 2] on ", rows.device());
}

}  // namespace

at::Tensor hash_buckets(const at::Tensor& rows, const at::Tensor& projections) {
  check(rows, projections);
  if (on_cuda(rows)) return cuda::hash_buckets(rows, projections);
  const auto x = readable(rows);  // [B, H, T, D]
  const std::int64_t B = x.size(0), H = x.size(1), T = x.size(2), D = x.size(3);
  const auto columns = in_blocks(projections.detach(), H);  // [R, H, blocks, D, kHashColumns]
  auto buckets = at::empty({projections.size(0), B, H, T}, at::kInt);
  const HashParams params{.rows = x.const_data_ptr(),
                          .bfloat16 = x.scalar_type() == at::kBFloat16,
                          .batch_stride = x.stride(0),
                          .head_stride = x.stride(1),
                          .row_stride = x.stride(2),
                          .batch = B,
                          .heads = H,
                          .length = T,
                          .head_dim = D,
                          .rounds = projections.size(0),
                          .half = projections.size(3),
                          .projections = columns.const_data_ptr<float>(),
                          .buckets = buckets.mutable_data_ptr<std::int32_t>()};
  const std::int64_t blocks = (T + kBlockRows - 1) / kBlockRows;
  share(B * H * blocks, [&](const auto& next) {
    std::vector<float> scratch(static_cast<std::size_t>(hash_scratch(D)));
    for (std::int64_t i = next(); i >= 0; i = next()) {
      const std::int64_t begin = i % blocks * kBlockRows;
      kernel_table().rows.hash(params, i / blocks, begin, std::min(begin + kBlockRows, T),
                               scratch.data());
    }
  });
  return buckets;
}

void draw_keep(const RandomStream& stream, double rate, std::int64_t length, bool* keep) {
  // uniform(t) is bits(t) / 2^32, so it is >= rate exactly where bits(t) >= ceil(rate * 2^32).
  const auto threshold = static_cast<std::uint64_t>(std::ceil(rate * 0x1p32));
  kernel_table().rows.keep({stream.key(), stream.coordinates(), threshold}, 0, length, keep);
}

}  // namespace attnlab::sparse
