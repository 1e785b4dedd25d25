#include "framework/sparse/cuda_merge.h"

#include <ATen/ATen.h>

#include <limits>

namespace attnlab::sparse::cuda {
namespace {

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

Merged merge_forward(at::TensorList out, at::TensorList lse, const at::Tensor& value) {
  const auto by_round = weights(lse);
  const auto sum = (at::stack(out).to(lse[0].scalar_type()) * by_round.of_round).sum(0);
  const auto merged =
      at::where(by_round.last_resort.unsqueeze(-1), value.to(sum.scalar_type()), sum);
  return {merged.to(value.scalar_type()), by_round.last_resort};
}

MergeGradient merge_backward(const at::Tensor& grad, at::TensorList out, at::TensorList lse,
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

}  // namespace attnlab::sparse::cuda
