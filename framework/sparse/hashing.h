/// hashing.h: angular hashing of rows and random drops, linear in T.
///   h(x) = argmax [xP ; -xP]: Andoni et al. 2015, https://arxiv.org/abs/1509.02897; with an offset
///   c for each column argmax [xP - c ; -(xP - c)], which hashes x - m in another basis:
///   c = mP for rows with mean m.
///   B batch, H heads, T length, D head_dim, R rounds.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "framework/core/random.h"

namespace attnlab::sparse {

/// Buckets of all rows, [R, B, H, T] with values 0 to 2*half - 1; the first of equals wins. int32;
/// on CUDA the smallest of uint8, uint16 and int32 that holds them. rows: [B, H, T, D], any
/// strides, float32, float64, bfloat16 or float16. projections: float32 [R, H or 1, D, half], all
/// heads' or one for all, columns of any length. offset: float32 [R, H or 1, half], or undefined
/// for none, which is bit for bit an offset of zeros. Sums are float32 in one order, whatever the
/// rows' dtype, and no array of [T, buckets] exists. A machine with fused multiply-add rounds a sum
/// once where another rounds twice, so rows that lie on a bucket's border to the last bit may
/// differ between instruction sets. Throws c10::Error on other dtypes and shapes. Safe to call from
/// several threads.
[[nodiscard]] at::Tensor hash_buckets(const at::Tensor& rows, const at::Tensor& projections,
                                      const at::Tensor& offset = {});

/// bool keep[t] for t = 0..length-1: true where stream.uniform(t) >= rate. Throws c10::Error on a rate
/// outside 0..1 and on a length below 0.
void draw_keep(const RandomStream& stream, double rate, std::int64_t length, bool* keep);

}  // namespace attnlab::sparse
