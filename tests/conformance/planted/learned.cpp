// learned.cpp: softmax attention over all earlier tokens with a trained gate per head, a trained
// scale per channel, and a running mean square of the queries by which the gate is divided; right,
// or wrong in one way at one place (place.h).
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

#include "framework/attention/plugin.h"
#include "framework/attention/reference.h"
#include "tests/conformance/planted/place.h"

namespace attnlab {
namespace {

using planted::Place;

struct Config {
  static constexpr auto fields() { return std::tuple{}; }
};

class Learned final : public Attention {
 public:
  Learned(const AttentionShape& shape, const Config&, Owner& owner)
      : strict_(shape.causality == config::Causality::strict),
        gate_(owner.parameter("gate", {shape.heads}, {})),
        scale_(owner.parameter("scale", {shape.head_dim}, {.mean = 1, .std = 0.02})),
        energy_(owner.buffer("energy", {shape.heads}, 1)),
        stray_(at::ones({shape.heads}, at::kFloat)),
        sum_(at::zeros({shape.heads}, at::kDouble)),
        rows_(at::zeros({1}, at::kDouble)),
        parts_(at::zeros({1}, at::kDouble)) {
    if (Place::here().defect == "undeclared_leaf") stray_.requires_grad_();
  }

  AttentionOutput forward(const AttentionInput& in, const AttentionContext& context) override {
    const std::int64_t T = in.query.size(2);
    const auto dtype = in.query.scalar_type();
    const auto seen = causal_mask(T, strict_);
    const auto scores = in.query.matmul(in.key.transpose(-2, -1)) / std::sqrt(in.query.size(3));
    const auto weights = scores.masked_fill(seen.logical_not(), -1e30).softmax(-1) * seen;
    auto out = weights.matmul(in.value) * scale(T).to(dtype);
    out = out * gate(in, T).to(dtype);
    if (Place::has("undeclared_leaf", T)) out = out * stray_.view({1, -1, 1, 1}).to(dtype);
    remember(in, context);
    return {out, std::nullopt, {}};
  }

  void finish_step() override {
    if (rows_.item<double>() == 0) return;
    const auto mean = uneven_ ? sum_ / parts_ : sum_ / rows_;
    energy_.lerp_(mean.to(at::kFloat), 0.25);
    sum_.zero_(), rows_.zero_(), parts_.zero_(), uneven_ = false;
    if (Place::here().defect == "buffer_of_other_sizes") energy_.unsqueeze_(0);
  }

  std::vector<at::Tensor> collected() override {
    if (Place::here().defect == "collects_nothing") return {};  // which ranks of a run refuse, and no property
    if (Place::here().defect == "collected_is_a_mean" && there_ && rows_.item<double>() > 0) {
      sum_.div_(rows_), rows_.fill_(1);
    }
    if (Place::here().defect == "collected_lacks_a_sum" && there_) return {sum_, parts_};
    if (Place::here().defect == "collected_is_a_copy" && there_) return {sum_.clone(), rows_.clone(), parts_.clone()};
    return {sum_, rows_, parts_};
  }
  std::string kernel() const override { return "matmul"; }

 private:
  // Of heads and channels, the one that the place names; the rest of the place is of no use here.
  static at::Tensor graded(const char* name, const at::Tensor& x, std::int64_t T, double factor) {
    if (!Place::has(name, T)) return x;
    const auto at = Place::here().head;
    const auto which = at < 0 ? at::ones(x.sizes(), at::kBool) : at::arange(x.size(0)).eq(at);
    return at::where(which, factor * x - (factor - 1) * x.detach(), x);
  }

  at::Tensor scale(std::int64_t T) const {
    if (Place::has("parameter_without_gradient", T)) return scale_.detach();
    return graded("parameter_gradient", scale_, T, 1.02);
  }

  at::Tensor gate(const AttentionInput& in, std::int64_t T) const {
    const auto energy = energy_.clone().view({1, -1, 1, 1});  // what a graph keeps may not move
    auto logit = graded("parameter_gradient_2", gate_, T, 1.01).view({1, -1, 1, 1});
    if (Place::has("parameter_dead", T)) logit = logit.detach() * 0;
    if (Place::has("pooled_future", T)) {  // the mean of the row's own block, later rows and all
      const auto block = at::arange(T).div(16, "floor");
      const auto of_block = block.unsqueeze(1).eq(block).to(in.key.scalar_type());
      const auto pooled = of_block.matmul(in.key.detach()).select(3, 0) / of_block.sum(1);
      const auto leak = at::where(Place::rows(in.key), pooled.unsqueeze(3).to(at::kFloat), 0);
      return (logit + leak).sigmoid() / energy;
    }
    return logit.sigmoid() / energy;
  }

  void remember(const AttentionInput& in, const AttentionContext& context) {
    const std::int64_t T = in.query.size(2);
    const at::NoGradGuard no_grad;
    const auto squares = in.query.detach().to(at::kFloat).square().mean(3);  // [B, H, T]
    if (Place::has("buffer_in_evaluation", T) && !context.training) energy_.mul_(1.001);
    if (Place::has("evaluation_is_collected", T) && !context.training) collect(squares);
    if (!context.training) return;
    if (Place::has("buffer_within_step", T))
      energy_.lerp_(squares.mean(at::IntArrayRef{0, 2}), 0.01);
    uneven_ |= Place::has("mean_of_parts", T);
    there_ = Place::has(Place::here().defect.c_str(), T);
    if (Place::has("last_part_counts", T)) sum_.zero_(), rows_.zero_();
    if (Place::has("order_of_parts", T)) sum_.mul_(0.5);
    collect(squares);
  }
  void collect(const at::Tensor& squares) {
    const auto sum =
        uneven_ ? squares.mean(at::IntArrayRef{0, 2}) : squares.sum(at::IntArrayRef{0, 2});
    sum_ += sum;
    rows_ += static_cast<double>(squares.size(0) * squares.size(2));
    parts_ += 1;
  }

  bool strict_;
  at::Tensor gate_, scale_;  // [H], [D]
  at::Tensor energy_;        // [H]
  at::Tensor stray_;
  at::Tensor sum_, rows_, parts_;  // since the last step: [H], [1], [1]
  bool uneven_ = false, there_ = false;
};

}  // namespace

ATTNLAB_ATTENTION_PLUGIN((PluginFacts{.name = "planted_learned",
                                      .summary = "for tests",
                                      .citation = "none",
                                      .traits = plugin::kRunsOnCpu | plugin::kFloat32 |
                                                plugin::kFloat64 | plugin::kStrict |
                                                plugin::kInclusive | plugin::kQuadraticMemory}),
                         Learned, Config)

}  // namespace attnlab
