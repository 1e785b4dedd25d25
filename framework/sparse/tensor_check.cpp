#include "framework/sparse/tensor_check.h"

#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>

#include <algorithm>
#include <string>

namespace attnlab::sparse {
namespace {

std::string text_of(std::initializer_list<at::ScalarType> dtypes) {
  std::string text;
  for (const auto dtype : dtypes) text += (text.empty() ? "" : ", ") + std::string(toString(dtype));
  return text;
}

bool fits(at::SymIntArrayRef sizes, at::SymIntArrayRef shape) {
  if (sizes.size() != shape.size()) return false;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (shape[i].maybe_as_int() != -1 && sizes[i] != shape[i]) return false;
  }
  return true;
}

/// A storage can be made smaller under its tensors. What wraps a tensor has none to look at.
bool has_memory(const at::Tensor& tensor) {
  const bool plain =
      tensor.has_storage() && !tensor.unsafeGetTensorImpl()->has_symbolic_sizes_strides();
  if (!plain || tensor.is_meta() || tensor.numel() == 0) return true;
  const auto bytes = at::detail::computeStorageNbytes(
      tensor.sizes(), tensor.strides(), tensor.element_size(), tensor.storage_offset());
  return tensor.storage().nbytes() >= bytes;
}

}  // namespace

void check_tensor(const char* op, const char* name, const at::Tensor& tensor,
                  at::SymIntArrayRef shape, std::initializer_list<at::ScalarType> dtypes,
                  at::Device device) {
  TORCH_CHECK(tensor.defined(), "[", op, "] ", name, " is undefined; expected ", text_of(dtypes),
              " ", shape);
  const bool known = std::find(dtypes.begin(), dtypes.end(), tensor.scalar_type()) != dtypes.end();
  TORCH_CHECK(known && tensor.layout() == at::kStrided && tensor.device() == device &&
                  fits(tensor.sym_sizes(), shape),
              "[", op, "] ", name, " is ", tensor.scalar_type(), " ", tensor.sym_sizes(),
              tensor.layout() == at::kStrided ? "" : ", not dense,", " on ", tensor.device(),
              "; expected ", text_of(dtypes), " ", shape, " on ", device);
  TORCH_CHECK(has_memory(tensor), "[", op, "] ", name, " has less memory than ", tensor.sym_sizes(),
              " takes: its storage was resized");
}

void check_tensor(const char* op, const char* name, const at::Tensor& tensor,
                  at::SymIntArrayRef shape, std::initializer_list<at::ScalarType> dtypes) {
  TORCH_CHECK(!tensor.defined() || tensor.is_cpu() || tensor.is_cuda() || tensor.is_meta(), "[", op,
              "] ", name, " is on ", tensor.device(), "; expected the CPU or a GPU");
  check_tensor(op, name, tensor, shape, dtypes, tensor.defined() ? tensor.device() : at::kCPU);
}

void check_length(const char* op, const c10::SymInt& T) {
  TORCH_CHECK(T < kMostRows, "[", op, "] T is ", T, "; expected below 2^29");
}

}  // namespace attnlab::sparse
