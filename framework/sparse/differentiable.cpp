#include "framework/sparse/differentiable.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/functions/basic_ops.h>
#include <torch/csrc/autograd/functions/utils.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace attnlab::sparse {
namespace {

namespace autograd = torch::autograd;

struct PassNode final : autograd::Node {
  std::string op;
  std::vector<autograd::SavedVariable> saved;
  Refused refused = Refused::here;
  BackwardPass backward;

  [[nodiscard]] std::string name() const override { return op + "_backward"; }

  void release_variables() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (auto& variable : saved) variable.reset_data();
    backward = nullptr;
  }

  autograd::variable_list apply(autograd::variable_list&& grads) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    Tensors values;
    for (const auto& variable : saved) values.push_back(variable.unpack(shared_from_this()));
    if (refused == Refused::by_operators) return backward(grads, values);
    auto gradients = [&] {
      const at::NoGradGuard below;
      return backward(grads, values);
    }();
    if (autograd::compute_requires_grad(grads, values)) {
      const std::shared_ptr<autograd::Node> none(
          new autograd::Error("[" + op + "] second derivatives are not supported",
                              autograd::collect_next_edges(grads, values)),
          autograd::deleteNode);
      autograd::set_history(gradients, none);
    }
    return gradients;
  }
};

}  // namespace

void record(const char* op, const Tensors& inputs, const Tensors& outputs, const Tensors& saved,
            Refused refused, BackwardPass backward) {
  for (const auto& input : inputs) {
    TORCH_CHECK_NOT_IMPLEMENTED(!autograd::isFwGradDefined(input), "[", op,
                                "] forward-mode derivatives are not supported");
  }
  if (!autograd::compute_requires_grad(inputs)) return;
  const std::shared_ptr<PassNode> node(new PassNode, autograd::deleteNode);
  node->op = op;
  node->refused = refused;
  node->backward = std::move(backward);
  node->set_next_edges(autograd::collect_next_edges(inputs));
  autograd::set_history(outputs, node);
  for (const auto& value : saved) {
    const bool is_output = std::any_of(outputs.begin(), outputs.end(),
                                       [&](const auto& output) { return output.is_same(value); });
    node->saved.emplace_back(value, is_output);
  }
}

}  // namespace attnlab::sparse
