// Rounds into one result, with its backward operator.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "framework/python/operators.h"
#include "framework/sparse/merge.h"

namespace attnlab::python {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Pair = std::tuple<at::Tensor, at::Tensor>;
using Gradients = std::tuple<Tensors, Tensors, at::Tensor>;

Pair merge_kernel(at::TensorList outs, at::TensorList lses, const at::Tensor& value) {
  const auto merged = sparse::merge_forward(outs, lses, value);
  return {merged.out, merged.last_resort};
}

Gradients backward_kernel(const at::Tensor& grad, at::TensorList outs, at::TensorList lses,
                          const at::Tensor& out) {
  auto gradient = sparse::merge_backward(grad, outs, lses, out);
  return {std::move(gradient.out), std::move(gradient.lse), gradient.value};
}

at::Tensor contiguous_like(const at::Tensor& tensor) {
  return at::empty_symint(tensor.sym_sizes(), tensor.options());
}

Tensors contiguous_like(at::TensorList tensors) {
  Tensors all;
  for (const auto& tensor : tensors) all.push_back(contiguous_like(tensor));
  return all;
}

Pair merge_meta(at::TensorList outs, at::TensorList lses, const at::Tensor& value) {
  TORCH_CHECK(!outs.empty() && outs.size() == lses.size(), "[merge_rounds] ", outs.size(),
              " outputs and ", lses.size(), " lse; expected one of each per round");
  return {contiguous_like(value),
          at::empty_symint(value.sym_sizes().slice(0, 3), value.options().dtype(at::kBool))};
}

Gradients backward_meta(const at::Tensor&, at::TensorList outs, at::TensorList lses,
                        const at::Tensor& out) {
  return {contiguous_like(outs), contiguous_like(lses), contiguous_like(out)};
}

Gradients call_backward(const at::Tensor& grad, at::TensorList outs, at::TensorList lses,
                        const at::Tensor& out) {
  static const auto op = find<decltype(backward_kernel)>("attnlab::merge_rounds_backward");
  return op.call(grad, outs, lses, out);
}

struct MergeRounds : torch::autograd::Function<MergeRounds> {
  static variable_list forward(AutogradContext* context, at::TensorList outs, at::TensorList lses,
                               const at::Tensor& value) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const auto [out, last_resort] = merge_rounds(outs, lses, value);
    variable_list saved(outs.begin(), outs.end());
    saved.insert(saved.end(), lses.begin(), lses.end());
    saved.push_back(out);
    context->save_for_backward(std::move(saved));
    context->mark_non_differentiable({last_resort});
    return {out, last_resort};
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    TORCH_CHECK(!at::GradMode::is_enabled(),
                "[merge_rounds] second derivatives are not supported (create_graph was set)");
    const auto saved = context->get_saved_variables();
    const auto rounds = saved.size() / 2;
    const at::TensorList all(saved);
    const auto [outs, lses, value] =
        call_backward(grads[0], all.slice(0, rounds), all.slice(rounds, rounds), saved.back());
    variable_list result(outs);
    result.insert(result.end(), lses.begin(), lses.end());
    result.push_back(value);
    return result;
  }
};

Pair merge_autograd(at::TensorList outs, at::TensorList lses, const at::Tensor& value) {
  const auto results = MergeRounds::apply(outs, lses, value);
  return {results[0], results[1]};
}

void on_device(torch::Library& m) {
  m.impl("merge_rounds", merge_kernel);
  m.impl("merge_rounds_backward", backward_kernel);
}

TORCH_LIBRARY_IMPL(attnlab, CPU, m) { on_device(m); }
TORCH_LIBRARY_IMPL(attnlab, CUDA, m) { on_device(m); }
TORCH_LIBRARY_IMPL(attnlab, Meta, m) {
  m.impl("merge_rounds", merge_meta);
  m.impl("merge_rounds_backward", backward_meta);
}
TORCH_LIBRARY_IMPL(attnlab, Autograd, m) { m.impl("merge_rounds", merge_autograd); }

}  // namespace

Pair merge_rounds(at::TensorList outs, at::TensorList lses, const at::Tensor& value) {
  static const auto op = find<decltype(merge_rounds)>("attnlab::merge_rounds");
  return op.call(outs, lses, value);
}

}  // namespace attnlab::python
