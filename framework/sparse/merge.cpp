#include "framework/sparse/merge.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <limits>

#include "framework/sparse/differentiable.h"
#include "framework/sparse/merge_rows.h"
#include "framework/sparse/passes.h"
#include "framework/sparse/plan_check.h"
#include "framework/sparse/tensor_check.h"

namespace attnlab::sparse {
namespace {

constexpr const char* kMergeRounds = "merge_rounds";

/// Where the rows may have 16 bits: GPUs, which round once, after the sums.
bool takes_half(const at::Tensor& value) {
  return &passes_for(value) == &cuda_passes || value.is_meta();
}

void check_rows(const char* name, const at::Tensor& rows, const at::Tensor& value) {
  check_tensor(kMergeRounds, name, rows, value.sym_sizes(), {value.scalar_type()}, value.device());
}

void check_rounds(at::TensorList out, at::TensorList lse, const at::Tensor& value) {
  TORCH_CHECK(!out.empty() && out.size() == lse.size(), "[merge_rounds] ", out.size(),
              " outputs and ", lse.size(), " lse; expected one of each per round");
  if (takes_half(value)) {
    check_tensor(kMergeRounds, "value", value, {-1, -1, -1, -1}, kComputed);
  } else {
    check_tensor(kMergeRounds, "value", value, {-1, -1, -1, -1}, {at::kFloat, at::kDouble});
  }
  for (const auto& round : out) check_rows("out", round, value);
  for (const auto& round : lse) {
    check_tensor(kMergeRounds, "lse", round, value.sym_sizes().slice(0, 3),
                 {sum_type(value.scalar_type())}, value.device());
  }
}

at::Tensor new_like(const at::Tensor& like) {
  return at::empty_symint(like.sym_sizes(), like.options());
}
Tensors new_like(at::TensorList like) {
  Tensors all;
  for (const auto& tensor : like) all.push_back(new_like(tensor));
  return all;
}
Tensors contiguous(at::TensorList tensors) {
  Tensors all;
  for (const auto& tensor : tensors) all.push_back(tensor.contiguous());
  return all;
}

template <class T>
std::vector<const T*> inputs(const Tensors& tensors) {
  std::vector<const T*> all;
  for (const auto& tensor : tensors) all.push_back(tensor.const_data_ptr<T>());
  return all;
}
template <class T>
std::vector<T*> outputs(const Tensors& tensors) {
  std::vector<T*> all;
  for (const auto& tensor : tensors) all.push_back(tensor.mutable_data_ptr<T>());
  return all;
}

/// Calls work(T{}) with the C++ type of float32 or float64.
template <class Work>
void with_type(at::ScalarType dtype, const Work& work) {
  if (dtype == at::kDouble) {
    work(double{});
  } else {
    work(float{});
  }
}

struct Weights {
  at::Tensor of_round;     // [R, B, H, T, 1], 0 where a round brings nothing
  at::Tensor last_resort;  // bool [B, H, T]
};

Weights weights(at::TensorList lse) {
  const auto all = at::stack(lse);  // [R, B, H, T]
  const auto largest = all.amax(0);
  const auto none = largest == -std::numeric_limits<double>::infinity();
  const auto parts = (all - largest.masked_fill(none, 0.0)).exp();  // exp(-inf) is 0
  const auto total = parts.sum(0).masked_fill(none, 1.0);
  return {(parts / total).unsqueeze(-1), none};
}

}  // namespace

Merged cpu::merge(at::TensorList out, at::TensorList lse, const at::Tensor& value) {
  const auto outs = contiguous(out), lses = contiguous(lse);
  const auto own = value.contiguous();
  const Merged merged{new_like(own), at::empty(lse[0].sizes(), value.options().dtype(at::kBool))};
  with_type(value.scalar_type(), [&](auto type) {
    using T = decltype(type);
    merge_rows<T>({lses[0].numel(), value.size(3), inputs<T>(outs), inputs<T>(lses),
                   own.const_data_ptr<T>(), merged.out.mutable_data_ptr<T>(),
                   merged.last_resort.mutable_data_ptr<bool>()});
  });
  return merged;
}

MergeGradient cpu::merge_backward(const at::Tensor& grad, at::TensorList out, at::TensorList lse,
                                  const at::Tensor& merged) {
  const auto outs = contiguous(out), lses = contiguous(lse);
  const auto from = grad.contiguous(), result = merged.contiguous();
  const MergeGradient gradient{new_like(outs), new_like(lses), new_like(result)};
  with_type(merged.scalar_type(), [&](auto type) {
    using T = decltype(type);
    merge_rows_backward<T>({lses[0].numel(), merged.size(3), inputs<T>(outs), inputs<T>(lses),
                            result.const_data_ptr<T>(), from.const_data_ptr<T>(),
                            outputs<T>(gradient.out), outputs<T>(gradient.lse),
                            gradient.value.mutable_data_ptr<T>()});
  });
  return gradient;
}

// On a GPU by LibTorch's operators.
Merged cuda::merge(at::TensorList out, at::TensorList lse, const at::Tensor& value) {
  const auto by_round = weights(lse);
  const auto sum = (at::stack(out).to(lse[0].scalar_type()) * by_round.of_round).sum(0);
  const auto merged =
      at::where(by_round.last_resort.unsqueeze(-1), value.to(sum.scalar_type()), sum);
  return {merged.to(value.scalar_type()), by_round.last_resort};
}

MergeGradient cuda::merge_backward(const at::Tensor& grad, at::TensorList out, at::TensorList lse,
                                   const at::Tensor& merged) {
  const auto by_round = weights(lse);
  const auto wide = lse[0].scalar_type();
  const auto own = by_round.last_resort.unsqueeze(-1);  // [B, H, T, 1]
  const auto toward = grad.to(wide).masked_fill(own, 0.0);
  const auto inner = (toward * merged.to(wide)).sum(-1);  // [B, H, T]
  MergeGradient result;
  for (std::size_t round = 0; round < out.size(); ++round) {
    const auto weight = by_round.of_round[static_cast<std::int64_t>(round)];  // [B, H, T, 1]
    const auto along = (toward * out[round].to(wide)).sum(-1);
    result.out.push_back((toward * weight).to(out[round].scalar_type()));
    result.lse.push_back(weight.squeeze(-1) * (along - inner));
  }
  result.value = grad.masked_fill(own.logical_not(), 0.0);
  return result;
}

Merged merge_forward(at::TensorList out, at::TensorList lse, const at::Tensor& value) {
  check_rounds(out, lse, value);
  if (!value.is_meta()) return passes_for(value).merge(out, lse, value);
  return {new_like(value),
          at::empty_symint(value.sym_sizes().slice(0, 3), value.options().dtype(at::kBool))};
}

MergeGradient merge_backward(const at::Tensor& grad, at::TensorList out, at::TensorList lse,
                             const at::Tensor& merged) {
  check_rounds(out, lse, merged);
  check_rows("grad", grad, merged);
  if (!merged.is_meta()) return passes_for(merged).merge_backward(grad, out, lse, merged);
  return {new_like(out), new_like(lse), new_like(merged)};
}

void record_merge(at::TensorList out, at::TensorList lse, const at::Tensor& value,
                  const at::Tensor& merged, Refused refused, MergeBackward backward) {
  Tensors inputs(out.begin(), out.end());
  inputs.insert(inputs.end(), lse.begin(), lse.end());
  Tensors saved(inputs);
  inputs.push_back(value);
  saved.push_back(merged);
  record(kMergeRounds, inputs, {merged}, saved, refused,
         [rounds = out.size(), run = std::move(backward)](const Tensors& grads,
                                                          const Tensors& kept) -> Tensors {
           const at::TensorList all(kept);
           auto gradient =
               run(grads[0], all.slice(0, rounds), all.slice(rounds, rounds), kept.back());
           Tensors result(std::move(gradient.out));
           result.insert(result.end(), gradient.lse.begin(), gradient.lse.end());
           result.push_back(std::move(gradient.value));
           return result;
         });
}

Merged merge_rounds(const std::vector<SegmentResult>& rounds, const at::Tensor& value) {
  Tensors out, lse;
  for (const auto& round : rounds) {
    out.push_back(round.out);
    lse.push_back(round.lse);
  }
  auto merged = [&] {
    const at::NoGradGuard below;
    return merge_forward(out, lse, value);
  }();
  record_merge(out, lse, value, merged.out, Refused::here, merge_backward);
  return merged;
}

Merged attend_in_rounds(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                        const std::vector<SegmentPlan>& rounds) {
  // Converted once for all rounds. A GPU's kernels read half precision as it is.
  const bool as_it_is = &passes_for(query) == &cuda_passes;
  const auto wide = [&](const at::Tensor& rows) {
    if (as_it_is || !rows.defined()) return rows;
    const auto& type = rows.scalar_type();
    return (type == at::kBFloat16 || type == at::kHalf ? rows.to(at::kFloat) : rows).contiguous();
  };
  check_inputs(query, key, value);
  const auto q = wide(query), k = wide(key), v = wide(value);
  std::vector<SegmentResult> results;
  for (const auto& plan : rounds) results.push_back(segment_attention(q, k, v, plan));
  auto merged = merge_rounds(results, v);
  merged.out = merged.out.to(query.scalar_type());
  if (!rounds.empty()) merged.kernel = kernel_name(q, rounds.back());
  return merged;
}

}  // namespace attnlab::sparse
