// output.cpp: forward and backward give tensors of the right shape, dtype and device, all finite.
#include <sstream>

#include "framework/attention/guarded.h"
#include "framework/conformance/property.h"

namespace attnlab::conformance {
namespace {

template <class T>
std::string text(const T& value) {
  std::ostringstream stream;
  stream << value;
  return stream.str();
}

void expect_like(const std::string& what, const at::Tensor& tensor, const at::Tensor& like) {
  const auto wrong = [&](const std::string& fact, const std::string& got, const std::string& want) {
    return Violation(what + " has " + fact + " " + got + "; expected " + want);
  };
  if (!tensor.defined()) throw Violation(what + " is missing");
  if (tensor.sizes() != like.sizes())
    throw wrong("shape", text(tensor.sizes()), text(like.sizes()));
  if (tensor.scalar_type() != like.scalar_type()) {
    throw wrong("dtype", text(tensor.scalar_type()), text(like.scalar_type()));
  }
  if (tensor.device() != like.device()) {
    throw wrong("device", tensor.device().str(), like.device().str());
  }
  if (!at::isfinite(tensor).all().item<bool>()) {
    throw Violation(what + " holds NaN or infinity for finite query, key and value");
  }
}

void check_auxiliary_loss(const AttentionOutput& result) {
  if (!result.auxiliary_loss) return;
  const auto& loss = *result.auxiliary_loss;
  if (!loss.defined() || loss.numel() != 1 || !std::isfinite(loss.item<double>())) {
    throw Violation("the auxiliary loss is no single finite number");
  }
}

void check_output(const Trial& trial) {
  const auto input = trial.input();
  const auto attention = trial.build();
  const auto result = guarded("the plugin", "forward", [&] {
    const auto call = trial.call();
    return attention->forward(input, call.context());
  });
  expect_like("the output", result.output, input.query);
  check_auxiliary_loss(result);
  if (attention->kernel().empty()) {
    throw Violation("kernel() is empty after a forward; expected the name of what ran");
  }
  const auto& attended = trial.attended();
  for (const auto& part : kParts) {
    const auto& gradient = attended.*part.gradient;
    if (!gradient.defined() && part.input == &AttentionInput::hidden) continue;  // a pattern's
    expect_like("the gradient of the " + std::string(part.name), gradient, input.*part.input);
  }
}

}  // namespace

const Property kOutput{.name = "output",
                       .promise =
                           "output and gradients have the query's shape, dtype and device, "
                           "and are finite",
                       .check = check_output,
                       .gate = true};

}  // namespace attnlab::conformance
