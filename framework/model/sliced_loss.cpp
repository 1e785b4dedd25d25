#include "framework/model/sliced_loss.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "framework/sparse/cuda_library.h"

namespace attnlab::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

// What the whole computation shares. `product_type` is the dtype of the three matrix products.
struct Settings {
  std::int64_t slice_rows;
  at::ScalarType product_type;
  bool with_gradient;
};

struct Sum {
  at::Tensor nats;         // [] float64
  at::Tensor grad_hidden;  // [N, C], undefined without gradient
  at::Tensor grad_weight;  // [W, C]
};

// Turns log softmax [n, W] into d(sum of nats) / d(logits), in place, as if every row were scored.
void to_gradient(at::Tensor& log_softmax, const at::Tensor& target) {
  log_softmax.exp_();
  log_softmax.scatter_add_(1, target.unsqueeze(1), at::full({target.size(0), 1}, -1, log_softmax.options()));
}

// Of some rows of logits.
struct RowsLoss {
  at::Tensor nats;      // [] float64, the sum
  at::Tensor gradient;  // [n, W] in the dtype of the products; of rows that are not scored it is not looked at
};

RowsLoss by_operators(const at::Tensor& product, at::ScalarType type, const at::Tensor& target,
                      bool with_gradient) {
  const auto index = target.clamp_min(0);
  auto logits = at::log_softmax(product.to(type), 1);  // [n, W]
  const auto nats = logits.gather(1, index.unsqueeze(1)).squeeze(1).masked_fill_(target.lt(0), 0).sum(at::kDouble).neg();
  if (!with_gradient) return {nats, {}};
  to_gradient(logits, index);
  return {nats, logits.to(product.scalar_type())};
}

// In place: a pass over the logits that reads, and one that reads and writes.
RowsLoss by_kernel(const at::Tensor& logits, const at::Tensor& target, bool with_gradient) {
  const auto nats = at::empty({logits.size(0)}, logits.options().dtype(at::kFloat));
  const auto wanted = target.contiguous();
  cuda::RowLossParams params;
  params.logits = logits.mutable_data_ptr();
  params.target = wanted.const_data_ptr<std::int64_t>();
  params.nats = nats.mutable_data_ptr<float>();
  params.rows = logits.size(0);
  params.classes = logits.size(1);
  params.gradient = with_gradient;
  sparse::launch(logits, "loss", [&](void* stream) {
    return sparse::cuda_library().row_loss(&params, sparse::element_of(logits.scalar_type()), stream);
  });
  return {nats.sum(at::kDouble), logits};
}

Sum sum_over_slices(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& target,
                    const Settings& settings) {
  const auto type = settings.product_type;
  const auto head = weight.to(type);
  Sum sum{at::zeros({}, hidden.options().dtype(at::kDouble)), {}, {}};
  if (settings.with_gradient) {
    sum.grad_hidden = at::empty_like(hidden);
    sum.grad_weight = at::zeros_like(weight);
  }
  for (std::int64_t begin = 0; begin < hidden.size(0); begin += settings.slice_rows) {
    const auto rows = std::min(settings.slice_rows, hidden.size(0) - begin);
    const auto part = hidden.narrow(0, begin, rows).to(type);  // [n, C]
    const auto wanted = target.narrow(0, begin, rows);         // [n]
    // Every pass over [n, W] moves W numbers a row; over [n, C] it costs next to nothing.
    const auto logits = at::mm(part, head.t());  // [n, W]
    const auto [nats, grad] = sparse::may_use_cuda_kernels(logits)
                                  ? by_kernel(logits, wanted, settings.with_gradient)
                                  : by_operators(logits, hidden.scalar_type(), wanted, settings.with_gradient);
    sum.nats += nats;
    if (!settings.with_gradient) continue;
    const auto row = wanted.lt(0).unsqueeze(1);  // whose gradient is 0, and that of the weights for it
    sum.grad_hidden.narrow(0, begin, rows).copy_(at::mm(grad, head).masked_fill_(row, 0));
    const auto seen = part.masked_fill(row, 0);
    if (type == weight.scalar_type()) {
      sum.grad_weight.addmm_(grad.t(), seen);
    } else {
      sum.grad_weight.add_(at::mm(grad.t(), seen));
    }
  }
  return sum;
}

struct SlicedCrossEntropy : torch::autograd::Function<SlicedCrossEntropy> {
  static Variable forward(AutogradContext* context, const Variable& hidden, const Variable& weight,
                          const at::Tensor& target, const Settings& settings) {
    // Dtypes are chosen here, not by autocast.
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const auto sum = sum_over_slices(hidden, weight, target, settings);
    if (settings.with_gradient) context->save_for_backward({sum.grad_hidden, sum.grad_weight});
    return sum.nats;
  }

  static variable_list backward(AutogradContext* context, variable_list grad_output) {
    const auto saved = context->get_saved_variables();
    const auto factor = grad_output[0].to(saved[0].scalar_type());
    return {saved[0] * factor, saved[1] * factor, {}, {}};
  }
};

at::ScalarType product_type(const at::Tensor& hidden) {
  const auto device = hidden.device().type();
  return at::autocast::is_autocast_enabled(device) ? at::autocast::get_autocast_dtype(device)
                                                   : hidden.scalar_type();
}

}  // namespace

at::Tensor sliced_cross_entropy(const at::Tensor& hidden, const at::Tensor& weight,
                                const at::Tensor& target, std::int64_t slice_rows) {
  TORCH_CHECK(hidden.dim() == 2 && weight.dim() == 2 && hidden.size(1) == weight.size(1),
              "[loss] expected hidden [N, C] and weight [W, C], got ", hidden.sizes(), " and ",
              weight.sizes());
  TORCH_CHECK(
      target.dim() == 1 && target.size(0) == hidden.size(0) && target.scalar_type() == at::kLong,
      "[loss] expected target [N] int64 with N = ", hidden.size(0), ", got ", target.sizes(), " ",
      target.scalar_type());
  TORCH_CHECK(hidden.scalar_type() == weight.scalar_type() &&
                  (hidden.scalar_type() == at::kFloat || hidden.scalar_type() == at::kDouble),
              "[loss] expected float32 or float64 on both sides, got ", hidden.scalar_type(),
              " and ", weight.scalar_type());
  TORCH_CHECK(slice_rows >= 1, "[loss] expected at least one row in a slice, got ", slice_rows);
  const bool with_gradient =
      at::GradMode::is_enabled() && (hidden.requires_grad() || weight.requires_grad());
  return SlicedCrossEntropy::apply(hidden, weight, target,
                                   Settings{slice_rows, product_type(hidden), with_gradient});
}

}  // namespace attnlab::model
