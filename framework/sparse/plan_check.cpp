#include "framework/sparse/plan_check.h"

#include <ATen/ATen.h>

#include <cmath>
#include <mutex>
#include <vector>

#include "framework/sparse/cuda_refusals.h"
#include "framework/sparse/parallel.h"
#include "framework/sparse/plan_contents.h"
#include "framework/sparse/tensor_check.h"

namespace attnlab::sparse {
namespace {

const std::int32_t* pointer(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<std::int32_t>() : nullptr;
}

void check_ints(const char* name, const at::Tensor& tensor, at::SymIntArrayRef shape,
                const at::Tensor& query) {
  check_tensor(kSegmentAttention, name, tensor, shape, {at::kInt}, query.device());
  TORCH_CHECK(tensor.is_contiguous(), "[segment_attention] ", name, " has strides ",
              tensor.sym_strides(), "; expected a contiguous tensor");
}

void check_scale(double scale, at::ScalarType dtype) {
  const bool fits =
      dtype == at::kDouble ? std::isnormal(scale) : std::isnormal(static_cast<float>(scale));
  TORCH_CHECK(scale == 0 || fits, "[segment_attention] scale is ", scale,
              "; expected a finite number that ", sum_type(dtype), " holds, or 0 for 1/sqrt(D)");
}

}  // namespace

void check_inputs(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value) {
  check_tensor(kSegmentAttention, "query", query, {-1, -1, -1, -1}, kComputed);
  for (const auto& [name, rows] : {std::pair{"key", &key}, {"value", &value}}) {
    check_tensor(kSegmentAttention, name, *rows, query.sym_sizes(), {query.scalar_type()},
                 query.device());
  }
  TORCH_CHECK(query.sym_size(3) > 0, "[segment_attention] head_dim is 0; expected at least 1");
  check_length(kSegmentAttention, query.sym_size(2));
}

void check_shapes(const SegmentPlan& plan, const at::Tensor& query) {
  const auto B = query.sym_size(0), H = query.sym_size(1), T = query.sym_size(2);
  check_ints("query_rows", plan.query_rows, {B, H, -1}, query);
  check_ints("key_rows", plan.key_rows, {B, H, -1}, query);
  check_ints("key_begin", plan.key_begin, {B, H, -1}, query);
  const auto S = plan.key_begin.sym_size(2);
  for (const auto& count : {plan.query_rows.sym_size(2), plan.key_rows.sym_size(2), S}) {
    TORCH_CHECK(count < std::int64_t{1} << 31, "[segment_attention] a plan of ", count,
                " packed rows or segments; expected below 2^31, which int32 can count");
  }
  check_ints("key_end", plan.key_end, {B, H, S}, query);
  check_ints("query_start", plan.query_start, {B, H, S + 1}, query);
  TORCH_CHECK(plan.query_labels.defined() == plan.key_labels.defined(),
              "[segment_attention] labels are given on one side only; expected both or none");
  if (plan.query_labels.defined()) {
    check_ints("query_labels", plan.query_labels, {B, H, T}, query);
    check_ints("key_labels", plan.key_labels, {B, H, T}, query);
  }
  TORCH_CHECK(plan.chunks.defined() || (!plan.round_labels.defined() && plan.round == 0),
              "[segment_attention] round_labels or a round are given without chunks");
  if (plan.chunks.defined()) {
    check_ints("chunks", plan.chunks, {-1, B, H, T}, query);
    const auto R = plan.chunks.sym_size(0);
    if (plan.round_labels.defined()) {
      check_ints("round_labels", plan.round_labels, {R, B, H, T}, query);
    }
    TORCH_CHECK(plan.round >= 0 && R > plan.round, "[segment_attention] round is ", plan.round,
                "; expected 0 to ", R - 1);
  }
  TORCH_CHECK(plan.max_distance >= 1, "[segment_attention] max_distance is ", plan.max_distance,
              "; expected at least 1, which lets a row see itself");
  check_scale(plan.scale, query.scalar_type());
}

at::Tensor rows_for(const char* op, const SegmentPlan& plan, std::int64_t T) {
  const auto& rows = plan.query_rows;
  check_tensor(op, "query_rows", rows, {-1, -1, -1}, {at::kInt});
  TORCH_CHECK(T >= 0, "[", op, "] T is ", T, "; expected at least 0");
  check_length(op, T);
  return at::empty({1}, rows.options().dtype(at::kFloat))
      .expand({rows.size(0), rows.size(1), T, 1});
}

bool check_contents(const SegmentPlan& plan, const at::Tensor& query) {
  // Builders' rows are permutations, or a part of one.
  if (query.is_cuda()) raise_refused();  // plans of earlier calls
  if (is_sealed(plan, query.size(2))) return true;
  if (query.is_cuda()) return false;
  const auto view = view_of(plan, query);
  PlanVerdict all;
  std::mutex mutex;
  share(view.groups, [&](const auto& next) {
    std::vector<std::uint8_t> seen(static_cast<std::size_t>(view.length));
    for (std::int64_t g = next(); g >= 0; g = next()) {
      auto verdict = check_group(view, g, seen.data());
      const std::lock_guard lock(mutex);
      all.unique_keys = all.unique_keys && verdict.unique_keys;
      if (!verdict.problem.empty()) all.problem = std::move(verdict.problem);
    }
  });
  TORCH_CHECK(all.problem.empty(), "[segment_attention] ", all.problem);
  return all.unique_keys;
}

PlanView view_of(const SegmentPlan& plan, const at::Tensor& query) {
  PlanView view;
  view.groups = query.size(0) * query.size(1);
  view.heads = query.size(1);
  view.length = query.size(2);
  view.head_dim = query.size(3);
  view.queries = plan.query_rows.size(2);
  view.keys = plan.key_rows.size(2);
  view.segments = plan.key_begin.size(2);
  view.query_rows = pointer(plan.query_rows);
  view.key_rows = pointer(plan.key_rows);
  view.query_start = pointer(plan.query_start);
  view.key_begin = pointer(plan.key_begin);
  view.key_end = pointer(plan.key_end);
  view.ascending = plan.ascending;
  view.causal = plan.causal;
  view.include_self = plan.include_self;
  view.max_distance = plan.max_distance;
  view.query_labels = pointer(plan.query_labels);
  view.key_labels = pointer(plan.key_labels);
  if (plan.round == 0) return view;
  view.chunks = pointer(plan.chunks);
  view.round_labels = pointer(plan.round_labels);
  view.round = plan.round;
  return view;
}

double scale_of(const SegmentPlan& plan, const at::Tensor& query) {
  return plan.scale != 0 ? plan.scale : 1.0 / std::sqrt(static_cast<double>(query.size(3)));
}

}  // namespace attnlab::sparse
