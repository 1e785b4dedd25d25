/// hashing.h: angular hashing of rows and random drops, linear in T.
///   h(x) = argmax [xP ; -xP]: Andoni et al. 2015, https://arxiv.org/abs/1509.02897.
///   B batch, H heads, T length, D head_dim, R rounds.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "framework/core/random.h"

namespace attnlab::sparse {

/// Buckets of all rows, [R, B, H, T] with values 0 to 2*half - 1; the first of equals wins. int32;
/// on CUDA the smallest of uint8, uint16 and int32 that holds them. rows: [B, H, T, D], any
/// strides. projections: float32 [R, H or 1, D, half], all heads' or one for all. Sums are float32
/// in one order, whatever the rows' dtype, and no array of [T, buckets] exists. A machine with
/// fused multiply-add rounds a sum once where another rounds twice, so rows that lie on a bucket's
/// border to the last bit may differ between instruction sets. Throws c10::Error on shapes that do
/// not fit.
[[nodiscard]] at::Tensor hash_buckets(const at::Tensor& rows, const at::Tensor& projections);

/// bool keep[t] for t = 0..length-1: true where stream.uniform(t) >= rate.
void draw_keep(const RandomStream& stream, double rate, std::int64_t length, bool* keep);

}  // namespace attnlab::sparse
