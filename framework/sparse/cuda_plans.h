/// cuda_plans.h: hashing.h, plans.h and chunk_plans.h for tensors on a GPU. Nothing here waits for
///   the device. Shapes are as there; the callers have checked them.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/sparse/plans.h"

namespace attnlab::sparse::cuda {

/// [R, B, H, T]: uint8 up to 256 buckets, uint16 up to 65,536, else int32.
[[nodiscard]] at::Tensor hash_buckets(const at::Tensor& rows, const at::Tensor& projections);

/// buckets: uint8, uint16 or int32 [B, H, T]. A bucket out of range is left out, unseen.
[[nodiscard]] GroupedRows sort_by_bucket(const at::Tensor& buckets, std::int64_t N);

/// keep: bool [B, H, T].
[[nodiscard]] GroupedRows compact(const at::Tensor& keep);

/// Row numbers by (bucket, position), and each row's place / chunk; both int32 like `buckets`.
struct Chunked {
  at::Tensor order, chunks;
};
[[nodiscard]] Chunked sort_into_chunks(const at::Tensor& buckets, std::int64_t bucket_count,
                                       std::int64_t chunk);

}  // namespace attnlab::sparse::cuda
