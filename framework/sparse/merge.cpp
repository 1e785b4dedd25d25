#include "framework/sparse/merge.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "framework/sparse/cuda_library.h"
#include "framework/sparse/cuda_merge.h"
#include "framework/sparse/merge_rows.h"

namespace attnlab::sparse {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

void check(const at::Tensor& tensor, const char* name, at::IntArrayRef shape,
           at::ScalarType dtype) {
  TORCH_CHECK(tensor.sizes() == shape && tensor.scalar_type() == dtype && tensor.is_cpu(),
              "[merge_rounds] ", name, " is ", tensor.scalar_type(), " ", tensor.sizes(), " on ",
              tensor.device(), "; expected ", dtype, " ", shape, " on the CPU");
}

void check_all(at::TensorList out, at::TensorList lse, const at::Tensor& value) {
  TORCH_CHECK(!out.empty() && out.size() == lse.size(), "[merge_rounds] ", out.size(),
              " outputs and ", lse.size(), " lse; expected one of each per round");
  const auto dtype = value.scalar_type();
  TORCH_CHECK(dtype == at::kFloat || dtype == at::kDouble, "[merge_rounds] value is ", dtype,
              "; expected float32 or float64");
  TORCH_CHECK(value.dim() == 4, "[merge_rounds] value is ", value.sizes(),
              "; expected [B, H, T, D]");
  for (const auto& round : out) check(round, "out", value.sizes(), dtype);
  for (const auto& round : lse) check(round, "lse", value.sizes().slice(0, 3), dtype);
}

variable_list contiguous(at::TensorList tensors) {
  variable_list all;
  for (const auto& tensor : tensors) all.push_back(tensor.contiguous());
  return all;
}

variable_list empty_like(at::TensorList tensors) {
  variable_list all;
  for (const auto& tensor : tensors) all.push_back(at::empty_like(tensor));
  return all;
}

template <class T>
std::vector<const T*> inputs(const variable_list& tensors) {
  std::vector<const T*> all;
  for (const auto& tensor : tensors) all.push_back(tensor.const_data_ptr<T>());
  return all;
}

template <class T>
std::vector<T*> outputs(const variable_list& tensors) {
  std::vector<T*> all;
  for (const auto& tensor : tensors) all.push_back(tensor.mutable_data_ptr<T>());
  return all;
}

template <class T>
void forward_cpu(const variable_list& out, const variable_list& lse, const at::Tensor& value,
                 const Merged& merged) {
  merge_rows<T>({value.numel() / value.size(3), value.size(3), inputs<T>(out), inputs<T>(lse),
                 value.const_data_ptr<T>(), merged.out.mutable_data_ptr<T>(),
                 merged.last_resort.mutable_data_ptr<bool>()});
}

template <class T>
void backward_cpu(const at::Tensor& grad, const variable_list& out, const variable_list& lse,
                  const at::Tensor& merged, const MergeGradient& gradient) {
  merge_rows_backward<T>({merged.numel() / merged.size(3), merged.size(3), inputs<T>(out),
                          inputs<T>(lse), merged.const_data_ptr<T>(), grad.const_data_ptr<T>(),
                          outputs<T>(gradient.out), outputs<T>(gradient.lse),
                          gradient.value.mutable_data_ptr<T>()});
}

struct MergeRounds : torch::autograd::Function<MergeRounds> {
  static variable_list forward(AutogradContext* context, at::TensorList out, at::TensorList lse,
                               const at::Tensor& value) {
    const auto merged = merge_forward(out, lse, value);
    variable_list saved(out.begin(), out.end());
    saved.insert(saved.end(), lse.begin(), lse.end());
    saved.push_back(merged.out);
    context->save_for_backward(std::move(saved));
    context->mark_non_differentiable({merged.last_resort});
    return {merged.out, merged.last_resort};
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    TORCH_CHECK(!at::GradMode::is_enabled(),
                "[merge_rounds] second derivatives are not supported (create_graph was set)");
    const auto saved = context->get_saved_variables();
    const auto rounds = static_cast<std::ptrdiff_t>(saved.size() / 2);
    const variable_list out(saved.begin(), saved.begin() + rounds);
    const variable_list lse(saved.begin() + rounds, saved.begin() + 2 * rounds);
    auto gradient = merge_backward(grads[0], out, lse, saved.back());
    variable_list all(std::move(gradient.out));
    all.insert(all.end(), gradient.lse.begin(), gradient.lse.end());
    all.push_back(gradient.value);
    return all;
  }
};

}  // namespace

Merged merge_forward(at::TensorList out, at::TensorList lse, const at::Tensor& value) {
  if (on_cuda(value)) return cuda::merge_forward(out, lse, value);
  check_all(out, lse, value);
  const auto outs = contiguous(out), lses = contiguous(lse);
  const auto own = value.contiguous();
  const Merged merged{at::empty(value.sizes(), value.options()),
                      at::empty(lse[0].sizes(), value.options().dtype(at::kBool))};
  if (value.scalar_type() == at::kDouble) {
    forward_cpu<double>(outs, lses, own, merged);
  } else {
    forward_cpu<float>(outs, lses, own, merged);
  }
  return merged;
}

MergeGradient merge_backward(const at::Tensor& grad, at::TensorList out, at::TensorList lse,
                             const at::Tensor& merged) {
  if (on_cuda(merged)) return cuda::merge_backward(grad, out, lse, merged);
  check_all(out, lse, merged);
  check(grad, "grad", merged.sizes(), merged.scalar_type());
  const auto outs = contiguous(out), lses = contiguous(lse);
  const auto from = grad.contiguous(), result = merged.contiguous();
  MergeGradient gradient{empty_like(outs), empty_like(lses), at::empty_like(result)};
  if (merged.scalar_type() == at::kDouble) {
    backward_cpu<double>(from, outs, lses, result, gradient);
  } else {
    backward_cpu<float>(from, outs, lses, result, gradient);
  }
  return gradient;
}

Merged merge_rounds(const std::vector<SegmentResult>& rounds, const at::Tensor& value) {
  variable_list out, lse;
  for (const auto& round : rounds) {
    out.push_back(round.out);
    lse.push_back(round.lse);
  }
  const auto results = MergeRounds::apply(at::TensorList(out), at::TensorList(lse), value);
  return {results[0], results[1]};
}

}  // namespace attnlab::sparse
