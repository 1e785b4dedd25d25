#include "framework/sparse/hashing.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "framework/sparse/dispatch.h"
#include "framework/sparse/parallel.h"
#include "framework/sparse/passes.h"
#include "framework/sparse/plans.h"
#include "framework/sparse/tensor_check.h"

namespace attnlab::sparse {
namespace {

constexpr std::int64_t kHashedRows = 512;

/// The kernel reads float32 and 16 bits with any strides, as long as a row is contiguous.
at::Tensor kernel_rows(const at::Tensor& rows) {
  const auto read = rows.scalar_type() == at::kDouble ? rows.to(at::kFloat) : rows;
  return read.stride(3) == 1 ? read : read.contiguous();
}

HashElement hash_element(at::ScalarType dtype) {
  if (dtype == at::kBFloat16) return HashElement::bfloat16;
  return dtype == at::kHalf ? HashElement::float16 : HashElement::float32;
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

}  // namespace

at::Tensor cpu::hash(const at::Tensor& rows, const at::Tensor& projections,
                     const at::Tensor& offset) {
  const auto x = kernel_rows(rows);  // [B, H, T, D]
  const std::int64_t B = x.size(0), H = x.size(1), T = x.size(2), D = x.size(3);
  const auto columns = in_blocks(projections, H);  // [R, H, blocks, D, kHashColumns]
  const auto offsets = offset.defined() ? offset.contiguous() : offset;  // [R, H, half]
  auto buckets = at::empty({projections.size(0), B, H, T}, at::kInt);
  const HashParams params{.rows = x.const_data_ptr(),
                          .element = hash_element(x.scalar_type()),
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
                          .offsets = offsets.defined() ? offsets.const_data_ptr<float>() : nullptr,
                          .buckets = buckets.mutable_data_ptr<std::int32_t>()};
  const std::int64_t blocks = (T + kHashedRows - 1) / kHashedRows;
  share(B * H * blocks, [&](const auto& next) {
    std::vector<float> scratch(static_cast<std::size_t>(hash_scratch(D)));
    for (std::int64_t i = next(); i >= 0; i = next()) {
      const std::int64_t begin = i % blocks * kHashedRows;
      kernel_table().rows.hash(params, i / blocks, begin, std::min(begin + kHashedRows, T),
                               scratch.data());
    }
  });
  return buckets;
}

at::Tensor hash_buckets(const at::Tensor& rows, const at::Tensor& projections,
                        const at::Tensor& offset) {
  constexpr const char* kName = "hash_buckets";
  check_tensor(kName, "rows", rows, {-1, -1, -1, -1}, kComputed);
  const auto H = rows.sym_size(1), D = rows.sym_size(3);
  check_length(kName, rows.sym_size(2));
  const auto heads = [&](const at::Tensor& tensor) {  // its size for all heads, or one for all
    return tensor.defined() && tensor.dim() > 1 && tensor.sym_size(1) == 1 ? c10::SymInt(1) : H;
  };
  check_tensor(kName, "projections", projections, {-1, heads(projections), D, -1}, {at::kFloat},
               rows.device());
  const auto R = projections.sym_size(0), half = projections.sym_size(3);
  TORCH_CHECK(D >= 1 && half >= 1 && half <= kMostBuckets / 2, "[hash_buckets] projections are ",
              projections.sym_sizes(), "; expected D of at least 1, and 2 to ", kMostBuckets,
              " buckets, two a column");
  if (offset.defined()) {
    check_tensor(kName, "offset", offset, {R, heads(offset), half}, {at::kFloat}, rows.device());
  }
  if (rows.is_meta()) {
    return at::empty_symint({R, rows.sym_size(0), H, rows.sym_size(2)},
                            rows.options().dtype(at::kInt));
  }
  return passes_for(rows).hash(
      rows.detach(), projections.detach(),
      offset.defined() ? offset.detach().expand_symint({R, H, half}) : offset);
}

void draw_keep(const RandomStream& stream, double rate, std::int64_t length, bool* keep) {
  TORCH_CHECK(rate >= 0 && rate <= 1 && length >= 0, "[draw_keep] a rate of ", rate, " over ",
              length, " rows; expected a rate from 0 to 1, and a length of at least 0");
  // uniform(t) is bits(t) / 2^32, so it is >= rate exactly where bits(t) >= ceil(rate * 2^32).
  const auto threshold = static_cast<std::uint64_t>(std::ceil(rate * 0x1p32));
  kernel_table().rows.keep({stream.key(), stream.coordinates(), threshold}, 0, length, keep);
}

}  // namespace attnlab::sparse
