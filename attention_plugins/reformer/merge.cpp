#include "attention_plugins/reformer/merge.h"

#include <ATen/ATen.h>

namespace attnlab::reformer {

Merged merge_rounds(const std::vector<sparse::SegmentResult>& rounds, const at::Tensor& value) {
  std::vector<at::Tensor> per_round;
  for (const sparse::SegmentResult& round : rounds) per_round.push_back(round.lse);
  const at::Tensor lse = at::stack(per_round);                  // [R, B, H, T]
  const at::Tensor highest = std::get<0>(lse.detach().max(0));  // [B, H, T]
  const at::Tensor last_resort = highest.isneginf();            // [B, H, T]

  // The result does not depend on what is subtracted, so it carries no gradient; 0 instead of -inf
  // keeps exp(-inf - -inf) = NaN away, and the sum of 1 keeps 0 / 0 away.
  const at::Tensor share = (lse - highest.masked_fill(last_resort, 0)).exp();  // [R, B, H, T]
  const at::Tensor weight = share / share.sum(0).masked_fill(last_resort, 1);  // [R, B, H, T]

  at::Tensor out;
  for (std::size_t r = 0; r < rounds.size(); ++r) {
    const at::Tensor term = weight[static_cast<std::int64_t>(r)].unsqueeze(-1) * rounds[r].out;
    out = out.defined() ? out + term : term;  // [B, H, T, D]
  }
  return {at::where(last_resort.unsqueeze(-1), value, out), last_resort};
}

}  // namespace attnlab::reformer
