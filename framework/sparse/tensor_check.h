/// tensor_check.h: one check for every tensor argument, before a pointer into it is followed. Sizes
///   may be symbols, so that fake tensors are held to the same.
#pragma once

#include <ATen/core/Tensor.h>

#include <initializer_list>

namespace attnlab::sparse {

/// What kernels compute in: float32, float64, bfloat16, float16. Kernels know no other.
inline constexpr std::initializer_list<at::ScalarType> kComputed{at::kFloat, at::kDouble,
                                                                 at::kBFloat16, at::kHalf};
/// Of lse and of what else is summed for tensors of this dtype.
[[nodiscard]] constexpr at::ScalarType sum_type(at::ScalarType dtype) {
  return dtype == at::kDouble ? at::kDouble : at::kFloat;
}

/// T, rows of a sequence, is below this: kernels add positions in int32.
inline constexpr std::int64_t kMostRows = std::int64_t{1} << 29;

/// Throws c10::Error "[op] name is undefined / Long [2, 3] on cpu; expected Int [2, 4] on cpu". The
/// tensor must be dense, of one of `dtypes`, of `shape`, on `device`, and have its memory. A size
/// of -1 in `shape` may be any.
void check_tensor(const char* op, const char* name, const at::Tensor& tensor,
                  at::SymIntArrayRef shape, std::initializer_list<at::ScalarType> dtypes,
                  at::Device device);

/// The same for the first tensor of an operator, which decides on the device: CPU, one GPU, or the
/// meta device of fake tensors.
void check_tensor(const char* op, const char* name, const at::Tensor& tensor,
                  at::SymIntArrayRef shape, std::initializer_list<at::ScalarType> dtypes);

/// Throws c10::Error unless T is below kMostRows.
void check_length(const char* op, const c10::SymInt& T);

}  // namespace attnlab::sparse
