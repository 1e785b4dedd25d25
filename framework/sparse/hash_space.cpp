#include "framework/sparse/hash_space.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace attnlab::sparse {

namespace {

// Of a row around the mean: sums of as many as there ever are stay finite in float32.
constexpr double kMostSquare = 1e30;

}  // namespace

RunningMoments::RunningMoments(Settings settings, State state)
    : settings_(settings), state_(std::move(state)) {
  if (settings_.space == HashSpace::raw) return;
  TORCH_CHECK(settings_.decay >= 0 && settings_.decay < 1 && settings_.regularisation >= 0 &&
                  std::isfinite(settings_.regularisation) && settings_.rows >= 0,
              "[hash_space] decay ", settings_.decay, ", regularisation ", settings_.regularisation,
              " and ", settings_.rows,
              " rows; expected a decay in [0, 1), a finite regularisation and rows of at least 0");
  const auto zeros = [](const at::Tensor& like) { return at::zeros(like.sizes(), like.options().dtype(at::kDouble)); };
  sum_ = zeros(state_.mean);
  count_ = zeros(state_.weight);
  if (settings_.space == HashSpace::whitened) products_ = zeros(state_.covariance);
}

// Around the mean of before, which is the same for all of a step: numbers of the size of the
// covariance are added up, not of the much larger mean.
void RunningMoments::collect(const at::Tensor& rows) {
  if (settings_.space == HashSpace::raw) return;
  const at::NoGradGuard no_graph;
  const std::int64_t T = rows.size(2);
  const std::int64_t step = settings_.rows == 0 ? 1 : (T - 1) / settings_.rows + 1;
  const auto seen = rows.detach().slice(2, 0, T, std::max<std::int64_t>(step, 1));
  const auto all = (seen.to(at::kFloat) - state_.mean.to(at::kFloat).unsqueeze(1))
                       .transpose(0, 1)
                       .flatten(1, 2);                                  // [H, rows, D]
  const auto kept = (all.square().sum(2) <= kMostSquare).all(0);        // [rows]; not of NaN
  const auto around = all.masked_fill(kept.logical_not().view({1, -1, 1}), 0);
  sum_.add_(around.sum(1).to(at::kDouble));
  if (products_.defined()) products_.add_(at::bmm(around.transpose(1, 2), around).to(at::kDouble));
  count_.add_(kept.sum().to(at::kDouble));
}

std::vector<at::Tensor> RunningMoments::collected() const {
  if (!sum_.defined()) return {};
  std::vector<at::Tensor> sums{sum_, count_};
  if (products_.defined()) sums.push_back(products_);
  return sums;
}

// Two populations become one: those of before with weight decay * weight, the step's with 1. A step that
// saw nothing leaves all of it, by arithmetic: to ask for the count would wait for the device.
void RunningMoments::finish_step() {
  if (settings_.space == HashSpace::raw) return;
  const at::NoGradGuard no_graph;
  const auto some = count_ > 0;                                         // [1]
  const auto before = state_.weight.to(at::kDouble) * settings_.decay;  // [1]
  const auto share = at::where(some, 1 / (before + 1), 0.0);            // of the step
  const auto rows = at::where(some, count_, 1.0);
  const auto shift = sum_ / rows;  // [H, D]
  if (settings_.space == HashSpace::whitened) {
    const auto outer = shift.unsqueeze(2) * shift.unsqueeze(1);
    const auto step = products_ / rows - outer;
    state_.covariance.copy_((1 - share) * state_.covariance.to(at::kDouble) + share * step +
                            share * (1 - share) * outer);
  }
  state_.mean.add_(share * shift);
  state_.weight.copy_(at::where(some, before + 1, state_.weight.to(at::kDouble)));
  for (auto& sum : collected()) sum.zero_();
  if (settings_.space == HashSpace::whitened) static_cast<void>(factor());
}

// Once for all forward passes of a step. Always into the same tensor: where finish_step() stands in a
// CUDA graph and evaluation does not, both see the newest.
at::Tensor RunningMoments::factor() const {
  if (c10::InferenceMode::is_enabled() || state_.covariance.is_inference()) return factorise();
  const std::array<std::int64_t, 2> now{state_.covariance._version(), state_.weight._version()};
  if (!factor_.defined()) {
    factor_ = factorise();
  } else if (factor_of_ != now) {
    factor_.copy_(factorise());
  }
  factor_of_ = now;
  return factor_;
}

// Before the first step weight and covariance are 0: the identity takes their place, by arithmetic,
// since a branch would have to read the weight from the device.
at::Tensor RunningMoments::factorise() const {
  const auto covariance = state_.covariance.to(at::kDouble);  // [H, D, D]
  const auto identity = at::eye(covariance.size(1), covariance.options());
  const auto empty = (state_.weight == 0).to(at::kDouble);
  const auto diagonal = covariance.diagonal(0, 1, 2).mean(1).view({-1, 1, 1});
  // A head whose rows are all equal has no covariance; it is hashed as it is.
  const auto flat = (diagonal <= 0).to(at::kDouble);
  return std::get<0>(at::linalg_cholesky_ex(
      covariance + identity * (settings_.regularisation * diagonal + at::maximum(empty, flat))));
}

Hashing RunningMoments::transform(const at::Tensor& projections) const {
  if (settings_.space == HashSpace::raw) return {projections, {}};
  const at::NoGradGuard no_graph;
  const std::int64_t H = state_.mean.size(0), D = state_.mean.size(1);
  const auto mean = state_.mean.to(at::kDouble);
  auto turned =
      projections.to(at::kDouble).expand({projections.size(0), H, D, projections.size(3)});
  if (settings_.space == HashSpace::whitened) {
    turned = at::linalg_solve_triangular(factor().transpose(1, 2).unsqueeze(0), turned,
                                         /*upper=*/true);
  }
  const auto offset = at::matmul(mean.view({1, H, 1, D}), turned).squeeze(2);
  return {turned.to(at::kFloat), offset.to(at::kFloat)};
}

}  // namespace attnlab::sparse
