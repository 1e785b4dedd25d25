#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <vector>

#include "framework/sparse/kernels.h"
#include "framework/sparse/parallel.h"
#include "framework/sparse/plan_check.h"
#include "framework/sparse/plan_listener.h"
#include "framework/sparse/segment_passes.h"
#include "framework/sparse/segment_plan.h"

namespace attnlab::sparse {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

const std::int32_t* pointer(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<std::int32_t>() : nullptr;
}

PlanView view_of(const SegmentPlan& plan, const at::Tensor& query) {
  const bool corrects = plan.chunks.defined() && plan.round > 0;
  return {.groups = query.size(0) * query.size(1),
          .length = query.size(2),
          .head_dim = query.size(3),
          .queries = plan.query_rows.size(2),
          .keys = plan.key_rows.size(2),
          .segments = plan.key_begin.size(2),
          .query_rows = pointer(plan.query_rows),
          .key_rows = pointer(plan.key_rows),
          .query_start = pointer(plan.query_start),
          .key_begin = pointer(plan.key_begin),
          .key_end = pointer(plan.key_end),
          .ascending = plan.ascending,
          .causal = plan.causal,
          .include_self = plan.include_self,
          .max_distance = plan.max_distance,
          .query_labels = pointer(plan.query_labels),
          .key_labels = pointer(plan.key_labels),
          .chunks = corrects ? pointer(plan.chunks) : nullptr,
          .round_labels = corrects ? pointer(plan.round_labels) : nullptr,
          .round = corrects ? plan.round : 0};
}

template <class T, class Params>
void run_tiles(const std::vector<Tile>& tiles, const Params& params,
               void (*kernel)(const Params&, const Tile&, T*)) {
  share(static_cast<std::int64_t>(tiles.size()), [&](const auto& next) {
    std::vector<T> scratch(scratch_size(params.plan.head_dim));
    for (std::int64_t i = next(); i >= 0; i = next()) kernel(params, tiles[i], scratch.data());
  });
}

/// The packed gradients of one group's keys, added to their rows in packed order.
template <class T>
void scatter_group(const PlanView& plan, std::int64_t g, const T* packed, T* rows) {
  const std::int32_t* key_rows = plan.key_rows + g * plan.keys;
  const std::int64_t dim = plan.head_dim;
  const std::int64_t begin = plan.segments > 0 ? plan.key_begin[g * plan.segments] : 0;
  const std::int64_t end = plan.segments > 0 ? plan.key_end[(g + 1) * plan.segments - 1] : 0;
  for (std::int64_t i = begin; i < end; ++i) {
    const T* from = packed + (g * plan.keys + i) * dim;
    T* to = rows + (g * plan.length + key_rows[i]) * dim;
    for (std::int64_t d = 0; d < dim; ++d) to[d] += from[d];
  }
}

/// What the forward pass says of every row; rows of no segment keep these values.
struct RowSums {
  explicit RowSums(const at::Tensor& query)
      : lse(at::full(query.sizes().slice(0, 3), -std::numeric_limits<double>::infinity(),
                     query.options())),
        largest(lse.clone()),
        total(at::zeros_like(lse)) {}
  at::Tensor lse, largest, total;  // [B, H, T]
};

template <class T>
void forward_cpu(const SegmentPlan& plan, const variable_list& qkv, double scale,
                 const at::Tensor& out, const RowSums& sums) {
  const ForwardParams<T> params{view_of(plan, qkv[0]),           qkv[0].const_data_ptr<T>(),
                                qkv[1].const_data_ptr<T>(),      qkv[2].const_data_ptr<T>(),
                                static_cast<T>(scale),           out.mutable_data_ptr<T>(),
                                sums.lse.mutable_data_ptr<T>(),  sums.largest.mutable_data_ptr<T>(),
                                sums.total.mutable_data_ptr<T>()};
  check_contents(plan, params.plan);
  run_tiles<T>(query_tiles(params.plan), params, kernels<T>().forward);
}

/// Query, key and value, and what the forward pass left of them.
struct Saved {
  at::Tensor query, key, value, out;  // [B, H, T, D]
  at::Tensor largest, total;          // [B, H, T]
};

/// grad_lse may be undefined.
template <class T>
variable_list backward_cpu(const SegmentPlan& plan, const Saved& saved, double scale,
                           const at::Tensor& grad_out, const at::Tensor& grad_lse) {
  const PlanView view = view_of(plan, saved.query);
  const auto grad_query = at::zeros_like(saved.query);  // [B, H, T, D]
  const auto packed_key =
      at::zeros({view.groups, view.keys, view.head_dim}, saved.query.options());  // [G, Nk, D]
  const auto packed_value = at::zeros_like(packed_key);                           // [G, Nk, D]
  const auto shift = at::empty_like(saved.total);                                 // [B, H, T]
  const BackwardParams<T> params{
      .plan = view,
      .query = saved.query.const_data_ptr<T>(),
      .key = saved.key.const_data_ptr<T>(),
      .value = saved.value.const_data_ptr<T>(),
      .out = saved.out.const_data_ptr<T>(),
      .largest = saved.largest.const_data_ptr<T>(),
      .total = saved.total.const_data_ptr<T>(),
      .grad_out = grad_out.const_data_ptr<T>(),
      .grad_lse = grad_lse.defined() ? grad_lse.const_data_ptr<T>() : nullptr,
      .shift = shift.mutable_data_ptr<T>(),
      .scale = static_cast<T>(scale),
      .grad_query = grad_query.mutable_data_ptr<T>(),
      .grad_packed_key = packed_key.mutable_data_ptr<T>(),
      .grad_packed_value = packed_value.mutable_data_ptr<T>()};
  run_tiles<T>(query_tiles(view), params, kernels<T>().backward_query);
  run_tiles<T>(key_tiles(view), params, kernels<T>().backward_key);
  const auto grad_key = at::zeros_like(saved.key), grad_value = at::zeros_like(saved.value);
  share(view.groups, [&](const auto& next) {
    for (std::int64_t g = next(); g >= 0; g = next()) {
      scatter_group(view, g, packed_key.const_data_ptr<T>(), grad_key.mutable_data_ptr<T>());
      scatter_group(view, g, packed_value.const_data_ptr<T>(), grad_value.mutable_data_ptr<T>());
    }
  });
  return {grad_query, grad_key, grad_value};
}

/// What the kernels take: contiguous, float64 where any input is, else float32.
variable_list for_kernels(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value) {
  const bool wide = query.scalar_type() == at::kDouble || key.scalar_type() == at::kDouble ||
                    value.scalar_type() == at::kDouble;
  const auto dtype = wide ? at::kDouble : at::kFloat;
  return {query.to(dtype).contiguous(), key.to(dtype).contiguous(), value.to(dtype).contiguous()};
}

double scale_of(const SegmentPlan& plan, const at::Tensor& query) {
  return plan.scale != 0 ? plan.scale : 1.0 / std::sqrt(query.size(3));
}

/// query, key, value: contiguous float32 or float64.
struct SegmentAttention : torch::autograd::Function<SegmentAttention> {
  static variable_list forward(AutogradContext* context, const at::Tensor& query,
                               const at::Tensor& key, const at::Tensor& value,
                               const SegmentPlan& plan, double scale) {
    const auto out = at::zeros_like(query);  // [B, H, T, D]
    const RowSums sums(query);
    if (query.scalar_type() == at::kDouble) {
      forward_cpu<double>(plan, {query, key, value}, scale, out, sums);
    } else {
      forward_cpu<float>(plan, {query, key, value}, scale, out, sums);
    }
    context->save_for_backward({query, key, value, out, sums.largest, sums.total, plan.query_rows,
                                plan.key_rows, plan.query_start, plan.key_begin, plan.key_end,
                                plan.query_labels, plan.key_labels, plan.chunks,
                                plan.round_labels});
    context->saved_data["ascending"] = plan.ascending;
    context->saved_data["causal"] = plan.causal;
    context->saved_data["include_self"] = plan.include_self;
    context->saved_data["max_distance"] = plan.max_distance;
    context->saved_data["round"] = plan.round;
    context->saved_data["scale"] = scale;
    context->set_materialize_grads(false);
    return {out, sums.lse};
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    TORCH_CHECK(!at::GradMode::is_enabled(),
                "[segment_attention] second derivatives are not supported (create_graph was set)");
    const auto saved = context->get_saved_variables();
    auto& data = context->saved_data;
    const SegmentPlan plan{saved[6],
                           saved[7],
                           saved[8],
                           saved[9],
                           saved[10],
                           data["ascending"].toBool(),
                           data["causal"].toBool(),
                           data["include_self"].toBool(),
                           data["max_distance"].toInt(),
                           saved[11],
                           saved[12],
                           saved[13],
                           saved[14],
                           data["round"].toInt()};
    const Saved tensors{saved[0], saved[1], saved[2], saved[3], saved[4], saved[5]};
    const auto& out = tensors.out;
    const auto grad_out = grads[0].defined() ? grads[0].contiguous() : at::zeros_like(out);
    const auto grad_lse = grads[1].defined() ? grads[1].contiguous() : at::Tensor();
    const double scale = data["scale"].toDouble();
    auto result = out.scalar_type() == at::kDouble
                      ? backward_cpu<double>(plan, tensors, scale, grad_out, grad_lse)
                      : backward_cpu<float>(plan, tensors, scale, grad_out, grad_lse);
    result.resize(5);  // the plan and the scale have no gradient
    return result;
  }
};

}  // namespace

ForwardPass forward_pass(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                         const SegmentPlan& plan) {
  check_shapes(query, key, value, plan);
  const auto inputs = for_kernels(query, key, value);
  const auto out = at::zeros_like(inputs[0]);  // [B, H, T, D]
  const RowSums sums(inputs[0]);
  const double scale = scale_of(plan, query);
  if (out.scalar_type() == at::kDouble) {
    forward_cpu<double>(plan, inputs, scale, out, sums);
  } else {
    forward_cpu<float>(plan, inputs, scale, out, sums);
  }
  return {out.to(query.scalar_type()), sums.lse, sums.largest, sums.total};
}

InputGradients backward_pass(const ResultGradients& grads, const at::Tensor& query,
                             const at::Tensor& key, const at::Tensor& value,
                             const ForwardPass& forward, const SegmentPlan& plan) {
  check_shapes(query, key, value, plan);
  const auto inputs = for_kernels(query, key, value);
  check_contents(plan, view_of(plan, inputs[0]));
  const auto dtype = inputs[0].scalar_type();
  const Saved saved{inputs[0],
                    inputs[1],
                    inputs[2],
                    forward.out.to(dtype).contiguous(),
                    forward.largest.contiguous(),
                    forward.total.contiguous()};
  const auto grad_out =
      grads.out.defined() ? grads.out.to(dtype).contiguous() : at::zeros_like(saved.out);
  const auto grad_lse = grads.lse.defined() ? grads.lse.to(dtype).contiguous() : at::Tensor();
  const double scale = scale_of(plan, query);
  const auto result = dtype == at::kDouble
                          ? backward_cpu<double>(plan, saved, scale, grad_out, grad_lse)
                          : backward_cpu<float>(plan, saved, scale, grad_out, grad_lse);
  return {result[0].to(query.scalar_type()), result[1].to(key.scalar_type()),
          result[2].to(value.scalar_type())};
}

SegmentResult segment_attention(const at::Tensor& query, const at::Tensor& key,
                                const at::Tensor& value, const SegmentPlan& plan) {
  check_shapes(query, key, value, plan);
  const auto inputs = for_kernels(query, key, value);
  const auto results =
      SegmentAttention::apply(inputs[0], inputs[1], inputs[2], plan, scale_of(plan, query));
  return {results[0].to(query.scalar_type()), results[1]};
}

std::string kernel_name(const at::Tensor& query) {
  const bool wide = query.scalar_type() == at::kDouble;
  return std::string("segment_attention cpu ") + (wide ? "float64 " : "float32 ") +
         kernels<float>().instruction_set;
}

}  // namespace attnlab::sparse
