#include "framework/bench/answer_check.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "framework/attention/reference.h"
#include "framework/core/error.h"
#include "framework/core/random.h"
#include "framework/core/text.h"

namespace attnlab::bench {
namespace {

constexpr std::int64_t kMostWeights = std::int64_t{1} << 21;  // over B, H, rows, T: 16 MiB each

struct Answer {
  at::Tensor out{}, dq{}, dk{}, dv{};
};

[[noreturn]] void wrong(const std::string& what) {
  throw Error("the answer is wrong, so nothing was timed: " + what);
}

Answer run(const at::Tensor& out, const Inputs& in, const at::Tensor& grad_out) {
  if (!out.requires_grad()) return {out};
  const auto grads = torch::autograd::grad({out}, {in.query, in.key, in.value}, {grad_out}, false,
                                           false, /*allow_unused=*/true);
  const auto known = [](const at::Tensor& g, const at::Tensor& x) {
    return g.defined() ? g : at::zeros_like(x);
  };
  return {out.detach(), known(grads[0], in.query), known(grads[1], in.key),
          known(grads[2], in.value)};
}

// Rows of T, ascending: all of them, or one drawn from each of R equal parts, so that their mean
// stands for all, with the first and the last among them.
std::vector<std::int64_t> choose_rows(const Shape& s, std::uint64_t seed) {
  const auto most =
      std::clamp<std::int64_t>(kMostWeights / (s.batch * s.heads * s.length), 2, s.head_dim);
  std::vector<std::int64_t> rows;
  const RandomStream stream(seed, "bench.rows", {});
  const auto R = std::min(most, s.length);
  for (std::int64_t r = 0; r < R; ++r) {
    const std::int64_t low = r * s.length / R, high = (r + 1) * s.length / R;
    const auto within =
        stream.below(static_cast<std::uint64_t>(high - low), static_cast<std::uint64_t>(r));
    rows.push_back(low + static_cast<std::int64_t>(within));
  }
  rows.front() = 0;
  rows.back() = s.length - 1;
  return rows;
}

// [B, H, R, T]: the weights of the rows, read through the values.
at::Tensor read_weights(Subject& subject, const Inputs& in, const at::Tensor& rows) {
  auto probe = at::zeros_like(in.grad_out);
  probe.index_put_({at::indexing::Slice(), at::indexing::Slice(), rows,
                    at::arange(rows.size(0), rows.options())},
                   at::ones({}, probe.options()));
  const auto result = run(subject.forward(in), in, probe);
  if (!result.dv.defined()) return {};
  return result.dv.narrow(-1, 0, rows.size(0)).transpose(-1, -2).contiguous();
}

double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

void compare(const char* name, const at::Tensor& actual, const at::Tensor& libtorch,
             const at::Tensor& reference) {
  const auto dtype = actual.scalar_type();
  const double error = largest(actual.to(at::kDouble) - reference);
  const double limit =
      2 * largest(libtorch.to(at::kDouble) - reference) + 4 * ulp(largest(reference), dtype);
  if (error <= limit) return;  // false for NaN
  wrong(std::string(name) + " is off by " + exact_number(error) + " from float64, allowed are " +
        exact_number(limit) + " (twice LibTorch's own error in " + at::toString(dtype) +
        ", and 4 ulp)");
}

Answer detached(const at::Tensor& out, const std::vector<at::Tensor>& leaves,
                const at::Tensor& grad_out) {
  const auto grads = torch::autograd::grad({out}, leaves, {grad_out});
  return {out.detach(), grads[0], grads[1], grads[2]};
}

// The chosen rows alone are pulled back, so the gradients of these rows are the whole gradients.
void check_rows(Subject& subject, const Inputs& in, const at::Tensor& rows,
                const at::Tensor& mask) {
  const auto scale = 1.0 / std::sqrt(static_cast<double>(in.query.size(-1)));
  const auto row_grad = in.grad_out.index_select(2, rows);
  auto grad = at::zeros_like(in.grad_out);
  grad.index_copy_(2, rows, row_grad);
  auto actual = run(subject.forward(in), in, grad);
  if (!at::isfinite(actual.out).all().item<bool>()) wrong("the output is not finite everywhere");
  actual.out = actual.out.index_select(2, rows);
  actual.dq = actual.dq.index_select(2, rows);

  const auto seen = mask.any(-1, /*keepdim=*/true);
  const auto blind = seen.logical_not();
  if (largest(actual.out.masked_fill(seen, 0)) != 0) wrong("a row that sees no key is not 0");
  const auto leaves = [&](at::ScalarType dtype) {
    const auto leaf = [&](const at::Tensor& x) {
      return x.detach().to(dtype).clone().requires_grad_(true);
    };
    return std::vector{leaf(in.query.index_select(2, rows)), leaf(in.key), leaf(in.value)};
  };
  auto x = leaves(at::kDouble);
  const auto exact =
      detached(masked_reference(x[0], x[1], x[2], mask, scale), x, row_grad.to(at::kDouble));
  x = leaves(in.query.scalar_type());
  const auto open = mask.logical_or(blind);  // LibTorch's own answer for such a row is NaN
  const auto out = at::scaled_dot_product_attention(x[0], x[1], x[2], open, 0.0, false, scale);
  const auto libtorch = detached(out.masked_fill(blind, 0.0), x, row_grad);
  compare("the output", actual.out, libtorch.out, exact.out);
  compare("the query's gradient", actual.dq, libtorch.dq, exact.dq);
  compare("the key's gradient", actual.dk, libtorch.dk, exact.dk);
  compare("the value's gradient", actual.dv, libtorch.dv, exact.dv);
}

void check_causality(const Promise& promise, const at::Tensor& mask, const at::Tensor& rows) {
  const auto keys = at::arange(mask.size(-1), rows.options());
  const auto future = keys.unsqueeze(0) > rows.unsqueeze(1);  // [R, T]
  if (mask.logical_and(future).any().item<bool>()) wrong("a row gives weight to a later key");
  const auto self = keys.unsqueeze(0) == rows.unsqueeze(1);
  if (promise.strict &&
      mask.logical_and(self).any(-1).logical_and(mask.sum(-1) > 1).any().item<bool>()) {
    wrong("under strict causality a row gives weight to itself beside others");
  }
}

std::string derivatives_in_words(Subject& subject, const Inputs& in, std::uint64_t seed) {
  if (!at::isfinite(subject.forward(in)).all().item<bool>()) {
    wrong("the output is not finite everywhere");
  }
  const auto found = check_derivatives(subject, in, seed);
  if (found.agreed == 0) {
    return "gradients not checked: the output jumps in all " + std::to_string(found.jumped) +
           " directions that were tried";
  }
  return "gradients against finite differences in " + std::to_string(found.agreed) +
         " directions" +
         (found.jumped == 0 ? ""
                            : " (" + std::to_string(found.jumped) + " more in which it jumps)");
}

}  // namespace

Checked check_answer(Subject& subject, const Inputs& in, std::uint64_t seed) {
  const auto shape = in.shape();
  const auto chosen = choose_rows(shape, seed);
  const auto rows = at::tensor(chosen, at::kLong).to(in.query.device());
  const auto weights = read_weights(subject, in, rows);
  Checked checked{.rows = rows.size(0), .all_rows = rows.size(0) == shape.length};
  const auto looked = (checked.all_rows ? "all" : std::to_string(checked.rows)) + " rows of each head";
  if (!weights.defined()) {  // depends on no value: the floor `none`
    if (!at::isfinite(subject.forward(in)).all().item<bool>()) wrong("the output is not finite");
    checked.what = "the output is finite; it depends on no value";
    return checked;
  }
  const auto mask = weights != 0;  // [B, H, R, T]
  const auto promise = subject.promise();
  check_causality(promise, mask, rows);
  if (promise.softmax) {
    check_rows(subject, in, rows, mask);
    checked.what = looked + ", output and gradients against float64";
  } else {
    checked.what = derivatives_in_words(subject, in, seed) + "; " + looked +
                   " take nothing from later values; no exact softmax, so the output itself was "
                   "compared with nothing";
  }
  const auto keys = at::arange(shape.length, rows.options());
  const auto allowed = promise.strict ? keys.unsqueeze(0) < rows.unsqueeze(1)
                                      : keys.unsqueeze(0) <= rows.unsqueeze(1);
  checked.full = mask.eq(allowed).all().item<bool>();
  if (promise.full && !checked.full) wrong("a row does not see all keys that causality allows");
  if (checked.full) checked.what += "; they see all keys";
  const auto per_row = mask.sum(-1).to(at::kDouble).mean().item<double>();
  checked.pairs_per_row = per_row;
  checked.pairs = per_row * static_cast<double>(shape.batch * shape.heads * shape.length);
  return checked;
}

}  // namespace attnlab::bench
