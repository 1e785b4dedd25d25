#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "framework/sparse/cpu_passes.h"
#include "framework/sparse/plan_check.h"
#include "framework/sparse/plan_listener.h"
#include "framework/sparse/plan_view.h"
#include "framework/sparse/segment_passes.h"
#include "framework/sparse/segment_plan.h"

namespace attnlab::sparse {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// What the kernels take: contiguous and of one dtype, the widest where they differ.
variable_list for_kernels(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value) {
  auto dtype = query.scalar_type();
  for (const auto& other : {key, value}) dtype = at::promote_types(dtype, other.scalar_type());
  return {query.to(dtype).contiguous(), key.to(dtype).contiguous(), value.to(dtype).contiguous()};
}

ResultGradients for_kernels(const ResultGradients& grads, const ForwardPass& forward) {
  return {
      grads.out.defined() ? grads.out.to(forward.out.scalar_type()).contiguous()
                          : at::zeros_like(forward.out),
      grads.lse.defined() ? grads.lse.to(forward.lse.scalar_type()).contiguous() : at::Tensor()};
}

/// query, key, value as for_kernels() makes them.
struct SegmentAttention : torch::autograd::Function<SegmentAttention> {
  static variable_list forward(AutogradContext* context, const at::Tensor& query,
                               const at::Tensor& key, const at::Tensor& value,
                               const SegmentPlan& plan) {
    context->saved_data["unique_keys"] = check_contents(plan, view_of(plan, query));
    const auto pass = cpu::forward(query, key, value, plan);
    context->save_for_backward({query, key, value, pass.out, pass.lse, pass.largest, pass.total,
                                plan.query_rows, plan.key_rows, plan.query_start, plan.key_begin,
                                plan.key_end, plan.query_labels, plan.key_labels, plan.chunks,
                                plan.round_labels});
    context->saved_data["ascending"] = plan.ascending;
    context->saved_data["causal"] = plan.causal;
    context->saved_data["include_self"] = plan.include_self;
    context->saved_data["max_distance"] = plan.max_distance;
    context->saved_data["round"] = plan.round;
    context->saved_data["scale"] = scale_of(plan, query);
    context->set_materialize_grads(false);
    return {pass.out, pass.lse};
  }

  static SegmentPlan saved_plan(const variable_list& saved, AutogradContext* context) {
    auto& data = context->saved_data;
    SegmentPlan plan;
    plan.query_rows = saved[7];
    plan.key_rows = saved[8];
    plan.query_start = saved[9];
    plan.key_begin = saved[10];
    plan.key_end = saved[11];
    plan.query_labels = saved[12];
    plan.key_labels = saved[13];
    plan.chunks = saved[14];
    plan.round_labels = saved[15];
    plan.ascending = data["ascending"].toBool();
    plan.causal = data["causal"].toBool();
    plan.include_self = data["include_self"].toBool();
    plan.max_distance = data["max_distance"].toInt();
    plan.round = data["round"].toInt();
    plan.scale = data["scale"].toDouble();
    return plan;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    TORCH_CHECK(!at::GradMode::is_enabled(),
                "[segment_attention] second derivatives are not supported (create_graph was set)");
    const auto saved = context->get_saved_variables();
    const ForwardPass pass{saved[3], saved[4], saved[5], saved[6]};
    const auto result =
        cpu::backward(for_kernels({grads[0], grads[1]}, pass), saved[0], saved[1], saved[2], pass,
                      saved_plan(saved, context), context->saved_data["unique_keys"].toBool());
    return {result.query, result.key, result.value, {}};  // the plan has no gradient
  }
};

}  // namespace

ForwardPass forward_pass(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                         const SegmentPlan& plan) {
  check_shapes(query, key, value, plan);
  const auto inputs = for_kernels(query, key, value);
  (void)check_contents(plan, view_of(plan, inputs[0]));
  auto pass = cpu::forward(inputs[0], inputs[1], inputs[2], plan);
  pass.out = pass.out.to(query.scalar_type());
  return pass;
}

InputGradients backward_pass(const ResultGradients& grads, const at::Tensor& query,
                             const at::Tensor& key, const at::Tensor& value,
                             const ForwardPass& forward, const SegmentPlan& plan) {
  check_shapes(query, key, value, plan);
  const auto inputs = for_kernels(query, key, value);
  const bool unique_keys = check_contents(plan, view_of(plan, inputs[0]));
  const ForwardPass pass{forward.out.to(inputs[0].scalar_type()).contiguous(),
                         forward.lse.contiguous(), forward.largest.contiguous(),
                         forward.total.contiguous()};
  const auto result = cpu::backward(for_kernels(grads, pass), inputs[0], inputs[1], inputs[2], pass,
                                    plan, unique_keys);
  return {result.query.to(query.scalar_type()), result.key.to(key.scalar_type()),
          result.value.to(value.scalar_type())};
}

SegmentResult segment_attention(const at::Tensor& query, const at::Tensor& key,
                                const at::Tensor& value, const SegmentPlan& plan) {
  tell_listener(plan);
  check_shapes(query, key, value, plan);
  const auto inputs = for_kernels(query, key, value);
  const auto results = SegmentAttention::apply(inputs[0], inputs[1], inputs[2], plan);
  return {results[0].to(query.scalar_type()), results[1]};
}

std::string kernel_name(const at::Tensor& query) { return cpu::kernel_name(query.scalar_type()); }

}  // namespace attnlab::sparse
