#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "framework/sparse/cpu_passes.h"
#include "framework/sparse/cuda_library.h"
#include "framework/sparse/cuda_passes.h"
#include "framework/sparse/plan_check.h"
#include "framework/sparse/plan_listener.h"
#include "framework/sparse/plan_seal.h"
#include "framework/sparse/plan_view.h"
#include "framework/sparse/segment_passes.h"
#include "framework/sparse/segment_plan.h"

namespace attnlab::sparse {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// On a GPU, or emulated as if it were; what no GPU kernel takes stays on the CPU where it can.
bool takes_cuda(const at::Tensor& rows) {
  return rows.is_cuda() || (on_cuda(rows) && rows.scalar_type() != at::kDouble);
}

/// What the kernels can read.
at::Tensor readable(const at::Tensor& rows) {
  return takes_cuda(rows) ? cuda::readable(rows) : rows.contiguous();
}

/// What the kernels take: readable and of one dtype, the widest where they differ.
variable_list for_kernels(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value) {
  auto dtype = query.scalar_type();
  for (const auto& other : {key, value}) dtype = at::promote_types(dtype, other.scalar_type());
  return {readable(query.to(dtype)), readable(key.to(dtype)), readable(value.to(dtype))};
}

ResultGradients for_kernels(const ResultGradients& grads, const ForwardPass& forward) {
  return {
      grads.out.defined() ? readable(grads.out.to(forward.out.scalar_type()))
                          : at::zeros_like(forward.out),
      grads.lse.defined() ? grads.lse.to(forward.lse.scalar_type()).contiguous() : at::Tensor()};
}

/// Checks the plan's contents, and whether no row repeats among a group's keys. On a GPU nobody can
/// look without waiting for it: there only a builder's word counts.
bool checked_unique_keys(const SegmentPlan& plan, const at::Tensor& query) {
  if (query.is_cuda()) return is_sealed(plan, query.size(2));
  return check_contents(plan, view_of(plan, query));
}

/// query, key, value as for_kernels() makes them.
ForwardPass run_forward(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                        const SegmentPlan& plan) {
  return takes_cuda(query) ? cuda::forward(query, key, value, plan)
                           : cpu::forward(query, key, value, plan);
}
InputGradients run_backward(const ResultGradients& grads, const variable_list& inputs,
                            const ForwardPass& forward, const SegmentPlan& plan, bool unique_keys) {
  const auto& run = takes_cuda(inputs[0]) ? cuda::backward : cpu::backward;
  return run(for_kernels(grads, forward), inputs[0], inputs[1], inputs[2], forward, plan,
             unique_keys);
}

/// query, key, value as for_kernels() makes them.
struct SegmentAttention : torch::autograd::Function<SegmentAttention> {
  static variable_list forward(AutogradContext* context, const at::Tensor& query,
                               const at::Tensor& key, const at::Tensor& value,
                               const SegmentPlan& plan) {
    context->saved_data["unique_keys"] = checked_unique_keys(plan, query);
    const auto pass = run_forward(query, key, value, plan);
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
        run_backward({grads[0], grads[1]}, {saved[0], saved[1], saved[2]}, pass,
                     saved_plan(saved, context), context->saved_data["unique_keys"].toBool());
    return {result.query, result.key, result.value, {}};  // the plan has no gradient
  }
};

}  // namespace

ForwardPass forward_pass(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                         const SegmentPlan& plan) {
  check_shapes(query, key, value, plan);
  const auto inputs = for_kernels(query, key, value);
  (void)checked_unique_keys(plan, inputs[0]);
  auto pass = run_forward(inputs[0], inputs[1], inputs[2], plan);
  pass.out = pass.out.to(query.scalar_type());
  if (!pass.largest.defined()) {  // a backward pass that needs lse alone; the two still make it up
    pass.largest = pass.lse.clone();
    pass.total = pass.lse.isneginf().logical_not().to(pass.lse.scalar_type());
  }
  return pass;
}

InputGradients backward_pass(const ResultGradients& grads, const at::Tensor& query,
                             const at::Tensor& key, const at::Tensor& value,
                             const ForwardPass& forward, const SegmentPlan& plan) {
  check_shapes(query, key, value, plan);
  const auto inputs = for_kernels(query, key, value);
  const bool unique_keys = checked_unique_keys(plan, inputs[0]);
  const ForwardPass pass{forward.out.to(inputs[0].scalar_type()).contiguous(),
                         forward.lse.contiguous(), forward.largest.contiguous(),
                         forward.total.contiguous()};
  const auto result = run_backward(grads, inputs, pass, plan, unique_keys);
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

std::string kernel_name(const at::Tensor& query) {
  return takes_cuda(query) ? cuda::kernel_name(query.scalar_type())
                           : cpu::kernel_name(query.scalar_type());
}

}  // namespace attnlab::sparse
