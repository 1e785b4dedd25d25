// Segment attention over any plan, with its backward operator.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "framework/python/operators.h"
#include "framework/python/plan_arguments.h"
#include "framework/sparse/segment_passes.h"

namespace attnlab::python {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Pair = std::tuple<at::Tensor, at::Tensor>;
using Forward = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor>;
using Gradients = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

Forward forward_kernel(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                       at::TensorList rows, const MaybeTensors& labels, at::IntArrayRef options,
                       double scale) {
  const auto pass = sparse::forward_pass(query, key, value, unpacked(rows, labels, options, scale));
  return {pass.out, pass.lse, pass.largest, pass.total};
}

Gradients backward_kernel(const std::optional<at::Tensor>& grad_out,
                          const std::optional<at::Tensor>& grad_lse, const at::Tensor& query,
                          const at::Tensor& key, const at::Tensor& value, const at::Tensor& out,
                          const at::Tensor& lse, const at::Tensor& largest, const at::Tensor& total,
                          at::TensorList rows, const MaybeTensors& labels, at::IntArrayRef options,
                          double scale) {
  const auto pass = sparse::backward_pass(
      {grad_out.value_or(at::Tensor()), grad_lse.value_or(at::Tensor())}, query, key, value,
      {out, lse, largest, total}, unpacked(rows, labels, options, scale));
  return {pass.query, pass.key, pass.value};
}

at::Tensor contiguous_like(const at::Tensor& tensor) {
  return at::empty_symint(tensor.sym_sizes(), tensor.options());
}

Forward forward_meta(const at::Tensor& query, const at::Tensor&, const at::Tensor&, at::TensorList,
                     const MaybeTensors&, at::IntArrayRef, double) {
  TORCH_CHECK(query.dim() == 4, "[segment_attention] query has ", query.dim(),
              " dimensions; expected [B, H, T, D]");
  const auto wide = query.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto of_rows = [&] {
    return at::empty_symint(query.sym_sizes().slice(0, 3), query.options().dtype(wide));
  };
  return {contiguous_like(query), of_rows(), of_rows(), of_rows()};
}

Gradients backward_meta(const std::optional<at::Tensor>&, const std::optional<at::Tensor>&,
                        const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                        const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&,
                        at::TensorList, const MaybeTensors&, at::IntArrayRef, double) {
  return {contiguous_like(query), contiguous_like(key), contiguous_like(value)};
}

Forward call_forward(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                     const sparse::SegmentPlan& plan) {
  static const auto op = find<decltype(forward_kernel)>("attnlab::segment_attention_forward");
  const PlanArguments packed(plan);
  return op.call(query, key, value, packed.rows, packed.labels, packed.options, packed.scale);
}

struct SegmentAttention : torch::autograd::Function<SegmentAttention> {
  static variable_list forward(AutogradContext* context, const at::Tensor& query,
                               const at::Tensor& key, const at::Tensor& value,
                               const PlanArguments& plan) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const auto [out, lse, largest, total] = call_forward(query, key, value, plan.plan());
    variable_list saved{query, key, value, out, lse, largest, total};
    saved.insert(saved.end(), plan.rows.begin(), plan.rows.end());
    for (const std::optional<at::Tensor>& label : plan.labels) {
      saved.push_back(label.value_or(at::Tensor()));
    }
    context->save_for_backward(std::move(saved));
    context->saved_data["options"] = plan.options;
    context->saved_data["scale"] = plan.scale;
    context->mark_non_differentiable({largest, total});
    context->set_materialize_grads(false);
    return {out, lse, largest, total};
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    TORCH_CHECK(!at::GradMode::is_enabled(),
                "[segment_attention] second derivatives are not supported (create_graph was set)");
    static const auto op = find<decltype(backward_kernel)>("attnlab::segment_attention_backward");
    const auto saved = context->get_saved_variables();
    const at::TensorList all(saved);
    const auto maybe = [](const at::Tensor& grad) {
      return grad.defined() ? std::optional(grad) : std::nullopt;
    };
    const auto [query, key, value] = op.call(
        maybe(grads[0]), maybe(grads[1]), all[0], all[1], all[2], all[3], all[4], all[5], all[6],
        all.slice(7, PlanArguments::kRows),
        PlanArguments::maybe(all.slice(7 + PlanArguments::kRows)),
        context->saved_data["options"].toIntVector(), context->saved_data["scale"].toDouble());
    return {query, key, value, {}};
  }
};

Forward forward_autograd(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                         at::TensorList rows, const MaybeTensors& labels, at::IntArrayRef options,
                         double scale) {
  const auto results = SegmentAttention::apply(
      query, key, value, PlanArguments(unpacked(rows, labels, options, scale)));
  return {results[0], results[1], results[2], results[3]};
}

void on_device(torch::Library& m) {
  m.impl("segment_attention_forward", forward_kernel);
  m.impl("segment_attention_backward", backward_kernel);
}

TORCH_LIBRARY_IMPL(attnlab, CPU, m) { on_device(m); }
TORCH_LIBRARY_IMPL(attnlab, CUDA, m) { on_device(m); }
TORCH_LIBRARY_IMPL(attnlab, Meta, m) {
  m.impl("segment_attention_forward", forward_meta);
  m.impl("segment_attention_backward", backward_meta);
}
TORCH_LIBRARY_IMPL(attnlab, Autograd, m) { m.impl("segment_attention_forward", forward_autograd); }

}  // namespace

Pair attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
            const sparse::SegmentPlan& plan) {
  const auto results = call_forward(query, key, value, plan);
  return {std::get<0>(results), std::get<1>(results)};
}

}  // namespace attnlab::python
