#include "framework/model/residual_norm.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <tuple>

#include "framework/sparse/cuda_library.h"

namespace attnlab::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Kernels load 16 bytes at a time.
at::Tensor aligned(const at::Tensor& tensor) {
  const auto rows = tensor.contiguous();
  return reinterpret_cast<std::uintptr_t>(rows.const_data_ptr()) % 16 == 0 ? rows : rows.clone();
}

struct OneKernel : torch::autograd::Function<OneKernel> {
  static variable_list forward(AutogradContext* context, const at::Tensor& given_x, const at::Tensor& given_y,
                               const at::Tensor& given_weight, double eps) {
    const auto x = aligned(given_x), y = aligned(given_y), weight = aligned(given_weight);
    const auto rows = x.numel() / x.size(-1);
    const auto sum = at::empty_like(x), normal = at::empty_like(y);
    const auto mean = at::empty({rows}, x.options()), scale = at::empty({rows}, x.options());
    const cuda::ResidualNormParams params{sparse::read_floats(x),
                                          y.const_data_ptr(),
                                          sparse::read_floats(weight),
                                          sparse::floats(sum),
                                          normal.mutable_data_ptr(),
                                          sparse::floats(mean),
                                          sparse::floats(scale),
                                          rows,
                                          static_cast<std::int32_t>(x.size(-1)),
                                          static_cast<float>(eps)};
    sparse::launch(x, "residual_norm", [&](void* stream) {
      return sparse::cuda_library().residual_norm(&params, sparse::element_of(y.scalar_type()), stream);
    });
    context->save_for_backward({sum, mean, scale, weight});
    context->saved_data["dtype"] = static_cast<std::int64_t>(y.scalar_type());
    context->set_materialize_grads(false);
    return {sum, normal};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto dtype = static_cast<at::ScalarType>(context->saved_data["dtype"].toInt());
    const auto& [sum, mean, scale, weight] = std::tie(saved[0], saved[1], saved[2], saved[3]);
    if (!gradients[1].defined()) {  // nobody used the norm
      if (!gradients[0].defined()) return {{}, {}, {}, {}};
      return {gradients[0], gradients[0].to(dtype), {}, {}};
    }
    const auto grad_normal = aligned(gradients[1]);
    const auto grad_sum = gradients[0].defined() ? aligned(gradients[0]) : gradients[0];
    const auto rows = mean.numel(), channels = sum.size(-1);
    const auto grad_x = at::empty_like(sum);
    const auto grad_y = dtype == at::kFloat ? grad_x : at::empty_like(grad_normal);
    const auto grad_weight = at::empty({cuda::norm_blocks(rows), channels}, sum.options());
    const cuda::ResidualNormBackwardParams params{sparse::read_floats(sum),
                                                  sparse::read_floats(mean),
                                                  sparse::read_floats(scale),
                                                  sparse::read_floats(weight),
                                                  grad_normal.const_data_ptr(),
                                                  sparse::read_floats(grad_sum),
                                                  sparse::floats(grad_x),
                                                  dtype == at::kFloat ? nullptr : grad_y.mutable_data_ptr(),
                                                  sparse::floats(grad_weight),
                                                  rows,
                                                  static_cast<std::int32_t>(channels)};
    sparse::launch(sum, "residual_norm_backward", [&](void* stream) {
      return sparse::cuda_library().residual_norm_backward(&params, sparse::element_of(dtype), stream);
    });
    return {grad_x, grad_y, grad_weight.sum(0), {}};
  }
};

/// The dtype that autocast makes of what a linear layer reads.
at::ScalarType dtype_of_products(const at::Tensor& x) {
  const auto device = x.device().type();
  return at::autocast::is_autocast_enabled(device) ? at::autocast::get_autocast_dtype(device) : x.scalar_type();
}

bool has_kernel(const at::Tensor& x, const at::Tensor& y) {
  const auto channels = x.size(-1);
  return sparse::may_use_cuda_kernels(x) && x.scalar_type() == at::kFloat && x.sizes() == y.sizes() &&
         y.scalar_type() == dtype_of_products(x) && channels % 4 == 0 && channels <= cuda::kMostNormChannels &&
         (y.scalar_type() == at::kFloat || y.scalar_type() == at::kBFloat16 || y.scalar_type() == at::kHalf);
}

}  // namespace

ResidualNorm residual_norm(const at::Tensor& x, const at::Tensor& y, const at::Tensor& weight, double eps) {
  if (has_kernel(x, y)) {
    const auto both = OneKernel::apply(x, y, weight, eps);
    return {both[0], both[1]};
  }
  const auto sum = x + y;
  return {sum, at::layer_norm(sum, {sum.size(-1)}, weight, {}, eps)};
}

}  // namespace attnlab::model
