#include "framework/train/collected.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <sstream>

#include "framework/core/error.h"

namespace attnlab::train {
namespace {

std::string layout_of(const std::vector<at::Tensor>& sums) {
  std::ostringstream text;
  for (const auto& sum : sums) text << (text.tellp() > 0 ? ", " : "") << sum.scalar_type() << " " << sum.sizes();
  return text.str();
}

}  // namespace

// Told to the others once: all of them see equal shares, so later steps can differ only from one's own.
void Collected::expect_layout(const std::vector<at::Tensor>& sums) {
  const auto here = layout_of(sums);
  if (here == layout_) return;
  const auto theirs = layout_.empty() ? group_.gather(here) : std::vector{layout_};
  for (const auto& other : theirs) {
    if (other == here) continue;
    throw Error("the attention's collected() gives " + here + " on rank " + std::to_string(group_.rank()) +
                (layout_.empty() ? " and " + other + " on another" : " after " + other + " at the step before") +
                "; expected the same sums at every step and on every rank (attention.h).");
  }
  layout_ = here;
}

void Collected::add_up() {
  if (model_.parameters().buffers().empty()) return;
  const at::NoGradGuard no_grad;
  auto sums = model_.collected();
  expect_layout(sums);
  std::vector<at::Tensor> wide;
  for (const auto& sum : sums) wide.push_back(sum.reshape({-1}).to(at::kDouble));
  const auto flat = at::cat(wide);
  group_.sum(flat);
  for (std::int64_t begin = 0; auto& sum : sums) {
    sum.copy_(flat.narrow(0, begin, sum.numel()).view(sum.sizes()));
    begin += sum.numel();
  }
}

}  // namespace attnlab::train
