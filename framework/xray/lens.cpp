#include "framework/xray/lens.h"

#include <ATen/ATen.h>

#include <utility>

#include "framework/sparse/segment_plan.h"

namespace attnlab::xray {
namespace {

class Watched final : public Attention {
 public:
  Watched(std::unique_ptr<Attention> inner, std::shared_ptr<Lens::Look> look)
      : inner_(std::move(inner)), look_(std::move(look)) {}

  AttentionOutput forward(const AttentionInput& input, const AttentionContext& context) override {
    if (!*look_) return inner_->forward(input, context);
    at::Tensor largest;
    AttentionOutput output;
    {
      const sparse::PlanListener listener([&](const sparse::SegmentPlan& plan) {
        if (plan.query_start.size(2) < 3) return;  // one segment: nothing is shared out
        const auto here = plan.query_start.diff().amax(-1);
        largest = largest.defined() ? at::maximum(largest, here) : here;
      });
      output = inner_->forward(input, context);
    }
    (*look_)({*inner_, input, context, output, largest});
    return output;
  }
  void finish_step() override { inner_->finish_step(); }
  [[nodiscard]] std::vector<at::Tensor> collected() override { return inner_->collected(); }
  [[nodiscard]] std::string kernel() const override { return inner_->kernel(); }

 private:
  std::unique_ptr<Attention> inner_;
  std::shared_ptr<Lens::Look> look_;
};

}  // namespace

Lens::Lens() : look_(std::make_shared<Look>()) {}

std::unique_ptr<Attention> Lens::around(std::unique_ptr<Attention> attention) const {
  return std::make_unique<Watched>(std::move(attention), look_);
}

std::shared_ptr<void> Lens::open(Look look) {
  *look_ = std::move(look);
  return {nullptr, [kept = look_](void*) { *kept = nullptr; }};
}

}  // namespace attnlab::xray
