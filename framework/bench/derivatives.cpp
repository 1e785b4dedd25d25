// derivatives.cpp: gradients of an attention that has no float64 formula, by finite differences.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "framework/bench/answer_check.h"
#include "framework/core/error.h"
#include "framework/core/random.h"
#include "framework/core/text.h"

namespace attnlab::bench {
namespace {

constexpr int kWanted = 2, kMost = 5;  // directions of each tensor, without and with those that jump

at::Tensor wide(const at::Tensor& x) { return x.detach().to(at::kDouble); }

double product(const at::Tensor& a, const at::Tensor& b) {
  return (wide(a) * wide(b)).sum().item<double>();
}

class Probe {
 public:
  Probe(Subject& subject, const Inputs& in, std::uint64_t seed)
      : subject_(subject), in_(in), seed_(seed) {
    const auto out = subject.forward(in);
    grads_ = torch::autograd::grad({out}, {in.query, in.key, in.value}, {in.grad_out}, false, false,
                                   /*allow_unused=*/true);
    const double eps = std::ldexp(1.0, in.query.scalar_type() == at::kDouble  ? -52
                                       : in.query.scalar_type() == at::kFloat ? -23
                                       : in.query.scalar_type() == at::kHalf  ? -10
                                                                              : -7);
    // Rounding of the outputs, independent of each other; 8 of it has no chance.
    noise_ = 8 * eps * (wide(out) * wide(in.grad_out)).norm().item<double>();
  }

  Derivatives all() {
    Derivatives found;
    for (int tensor = 0; tensor < 3; ++tensor) {
      int agreed = 0;
      for (int n = 0; n < kMost && agreed < kWanted; ++n) {
        if (compare(tensor, n)) {
          ++agreed;
        } else {
          ++found.jumped;
        }
      }
      found.agreed += agreed;
    }
    return found;
  }

 private:
  const at::Tensor& input(int tensor) const {
    return tensor == 0 ? in_.query : tensor == 1 ? in_.key : in_.value;
  }

  // In turn along the gradient itself, where a wrong one shows most, and at random, where one shows
  // that is missing. Queries and keys move in fewer rows each time: patterns jump with many of them.
  at::Tensor direction(int tensor, int n) const {
    const auto& x = input(tensor);
    const auto& grad = grads_[static_cast<std::size_t>(tensor)];
    const auto stream =
        RandomStream(seed_, "bench.direction", {static_cast<std::uint64_t>(3 * n + tensor)});
    const auto generator = at::make_generator<at::CPUGeneratorImpl>(stream.below(1ULL << 62, 0));
    auto u = at::randn(x.sizes(), generator, at::kDouble).to(x.device());
    if (n % 2 == 0 && grad.defined() && at::isfinite(grad).all().item<bool>() &&
        grad.abs().max().item<double>() > 0) {
      u = wide(grad);
    }
    if (tensor == 2) return u;
    const auto T = x.size(2), every = std::int64_t{1} << std::min<std::int64_t>(4 * n, 20);
    const auto rows = at::arange(T, at::kLong).remainder(std::min(every, T)).eq(
        static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(std::min(every, T)), 1)));
    return u * rows.to(x.device()).view({1, 1, T, 1});
  }

  double value(int tensor, const at::Tensor& x) {
    const at::NoGradGuard no_graph;
    auto moved = in_;
    (tensor == 0 ? moved.query : tensor == 1 ? moved.key : moved.value) = x;
    return product(subject_.forward(moved), in_.grad_out);
  }

  // False where the output jumps within the step, so that no gradient is its derivative.
  bool compare(int tensor, int n) {
    constexpr const char* kNames[]{"query", "key", "value"};
    const auto& x = input(tensor);
    const auto& grad = grads_[static_cast<std::size_t>(tensor)];
    const auto u = direction(tensor, n);
    const bool coarse = x.scalar_type() == at::kHalf || x.scalar_type() == at::kBFloat16;
    const double step = (coarse ? 0.1 : 0.01) * wide(x).abs().mean().item<double>() /
                        std::max(1e-300, u.abs().max().item<double>() / 3);
    struct Difference {
      double derivative, expected, noise;
    };
    const auto difference = [&](double by) {
      // What the dtype leaves of the step counts, not what was asked for.
      const auto above = (wide(x) + by * u).to(x.scalar_type());
      const auto below = (wide(x) - by * u).to(x.scalar_type());
      const auto moved = wide(above) - wide(below);
      return Difference{(value(tensor, above) - value(tensor, below)) / (2 * by),
                        grad.defined() ? product(grad, moved) / (2 * by) : 0, noise_ / by};
    };
    const auto far = difference(step), near = difference(step / 2);
    const double bend = std::abs(far.derivative - near.derivative);
    const double size = std::max(std::abs(near.derivative), std::abs(near.expected));
    if (!(bend <= 0.05 * size + far.noise + near.noise)) return false;
    // Values enter linearly in all but the strangest; 16 bits round every gradient.
    const double tolerance = coarse ? 0.02 : tensor == 2 ? 0.001 : 0.005;
    const double limit = tolerance * size + bend + near.noise;
    const double error = std::abs(near.derivative - near.expected);
    if (error <= limit) return true;
    throw Error("the answer is wrong, so nothing was timed: the " + std::string(kNames[tensor]) +
                "'s gradient says that the output's product with its gradient changes by " +
                exact_number(near.expected) + " in a direction in which it changes by " +
                exact_number(near.derivative) + " (finite differences, allowed are " +
                exact_number(limit) + " between them)");
  }

  Subject& subject_;
  const Inputs& in_;
  std::uint64_t seed_;
  std::vector<at::Tensor> grads_;
  double noise_ = 0;
};

}  // namespace

Derivatives check_derivatives(Subject& subject, const Inputs& in, std::uint64_t seed) {
  return Probe(subject, in, seed).all();
}

}  // namespace attnlab::bench
