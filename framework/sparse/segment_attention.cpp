#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <utility>

#include "framework/sparse/differentiable.h"
#include "framework/sparse/passes.h"
#include "framework/sparse/plan_check.h"
#include "framework/sparse/segment_plan.h"
#include "framework/sparse/tensor_check.h"

namespace attnlab::sparse {
namespace {

thread_local PlanListener* innermost = nullptr;

struct Rows {
  at::Tensor query, key, value;  // as the passes read them
};

Rows readable(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value) {
  const auto& read = passes_for(query).readable;
  return {read(query), read(key), read(value)};
}

/// All readable.
InputGradients run_backward(const ResultGradients& grads, const at::Tensor& query,
                            const at::Tensor& key, const at::Tensor& value,
                            const ForwardPass& forward, const SegmentPlan& plan) {
  const auto& passes = passes_for(query);
  const ResultGradients read{
      grads.out.defined() ? passes.readable(grads.out) : at::zeros_like(forward.out),
      grads.lse.defined() ? grads.lse.contiguous() : at::Tensor()};
  return passes.backward(read, query, key, value, forward, plan, check_contents(plan, query));
}

void check_saved(const ResultGradients& grads, const at::Tensor& query,
                 const ForwardPass& forward) {
  const auto sums = sum_type(query.scalar_type());
  const auto check = [&](const char* name, const at::Tensor& tensor, bool whole_rows) {
    const auto shape = query.sym_sizes().slice(0, whole_rows ? 4 : 3);
    check_tensor("segment_attention_backward", name, tensor, shape,
                 {whole_rows ? query.scalar_type() : sums}, query.device());
  };
  if (grads.out.defined()) check("grad_out", grads.out, true);
  if (grads.lse.defined()) check("grad_lse", grads.lse, false);
  check("out", forward.out, true);
  check("lse", forward.lse, false);
  check("largest", forward.largest, false);
  check("total", forward.total, false);
}

}  // namespace

PlanListener::PlanListener(std::function<void(const SegmentPlan&)> hear)
    : hear_(std::move(hear)), outer_(std::exchange(innermost, this)) {}

PlanListener::~PlanListener() { innermost = outer_; }

void PlanListener::tell(const SegmentPlan& plan) {
  if (innermost != nullptr) innermost->hear_(plan);
}

ForwardPass forward_pass(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                         const SegmentPlan& plan) {
  check_inputs(query, key, value);
  check_shapes(plan, query);
  if (query.is_meta()) {
    const auto by_row = [&] {
      return at::empty_symint(query.sym_sizes().slice(0, 3),
                              query.options().dtype(sum_type(query.scalar_type())));
    };
    return {at::empty_symint(query.sym_sizes(), query.options()), by_row(), by_row(), by_row()};
  }
  const auto rows = readable(query, key, value);
  (void)check_contents(plan, rows.query);
  auto pass = passes_for(query).forward(rows.query, rows.key, rows.value, plan);
  if (!pass.largest.defined()) {  // of a backward pass that takes lse: nobody reads them, and they hold nothing
    pass.largest = at::empty_like(pass.lse);
    pass.total = at::empty_like(pass.lse);
  }
  return pass;
}

InputGradients backward_pass(const ResultGradients& grads, const at::Tensor& query,
                             const at::Tensor& key, const at::Tensor& value,
                             const ForwardPass& forward, const SegmentPlan& plan) {
  check_inputs(query, key, value);
  check_shapes(plan, query);
  check_saved(grads, query, forward);
  if (query.is_meta()) {
    const auto empty = [&] { return at::empty_symint(query.sym_sizes(), query.options()); };
    return {empty(), empty(), empty()};
  }
  const auto rows = readable(query, key, value);
  return run_backward(grads, rows.query, rows.key, rows.value,
                      {forward.out.contiguous(), forward.lse.contiguous(),
                       forward.largest.contiguous(), forward.total.contiguous(), forward.tiles},
                      plan);
}

void record_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                      const ForwardPass& forward, const SegmentPlan& plan, Refused refused,
                      AttentionBackward backward) {
  // The plan's tensors are saved too, so that writing one before the backward pass is noticed.
  record(kSegmentAttention, {query, key, value}, {forward.out, forward.lse},
         {query, key, value, forward.out, forward.lse, forward.largest, forward.total,
          plan.query_rows, plan.key_rows, plan.query_start, plan.key_begin, plan.key_end,
          plan.query_labels, plan.key_labels, plan.chunks, plan.round_labels, forward.tiles},
         refused,
         [plan, run = std::move(backward)](const Tensors& grads, const Tensors& saved) -> Tensors {
           auto result = run({grads[0], grads[1]}, saved[0], saved[1], saved[2],
                             {saved[3], saved[4], saved[5], saved[6], saved[16]}, plan);
           return {std::move(result.query), std::move(result.key), std::move(result.value)};
         });
}

SegmentResult segment_attention(const at::Tensor& query, const at::Tensor& key,
                                const at::Tensor& value, const SegmentPlan& plan) {
  PlanListener::tell(plan);
  check_inputs(query, key, value);
  check_shapes(plan, query);
  const auto rows = readable(query, key, value);
  const auto pass = [&] {
    const at::NoGradGuard below;
    (void)check_contents(plan, rows.query);
    return passes_for(rows.query).forward(rows.query, rows.key, rows.value, plan);
  }();
  record_attention(rows.query, rows.key, rows.value, pass, plan, Refused::here, run_backward);
  return {pass.out, pass.lse};
}

std::string kernel_name(const at::Tensor& query, const SegmentPlan& plan) {
  return passes_for(query).kernel_name(query, plan);
}

}  // namespace attnlab::sparse
