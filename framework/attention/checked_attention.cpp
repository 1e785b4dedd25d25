#include "framework/attention/checked_attention.h"

#include <ATen/ATen.h>

#include <sstream>
#include <utility>

#include "framework/attention/guarded.h"
#include "framework/core/error.h"

namespace attnlab {
namespace {

template <class T>
std::string text(const T& value) {
  std::ostringstream stream;
  stream << value;
  return stream.str();
}

bool finite(const at::Tensor& tensor) { return at::isfinite(tensor).all().item<bool>(); }

}  // namespace

CheckedAttention::CheckedAttention(std::unique_ptr<Attention> inner, std::string who)
    : inner_(std::move(inner)), who_(std::move(who)) {}

AttentionOutput CheckedAttention::forward(const AttentionInput& input,
                                          const AttentionContext& context) {
  auto result = guarded(who_, "forward", [&] { return inner_->forward(input, context); });
  check(input, result.output, first_ || !context.training);
  first_ = false;
  return result;
}

void CheckedAttention::finish_step() {
  guarded(who_, "finish_step", [&] { inner_->finish_step(); });
}

std::vector<at::Tensor> CheckedAttention::collected() {
  auto sums = guarded(who_, "collected", [&] { return inner_->collected(); });
  for (const auto& sum : sums) {
    const bool right = sum.defined() && (sum.scalar_type() == at::kFloat || sum.scalar_type() == at::kDouble) &&
                       !sum.requires_grad();
    if (right) continue;
    throw Error(who_ + " gives in collected() " +
                (sum.defined() ? "a tensor of dtype " + text(sum.scalar_type()) +
                                     (sum.requires_grad() ? " that requires a gradient" : "")
                               : "an undefined tensor") +
                "; expected sums, float32 or float64 and without gradients.");
  }
  return sums;
}

std::string CheckedAttention::kernel() const {
  return guarded(who_, "kernel", [&] { return inner_->kernel(); });
}

void CheckedAttention::check(const AttentionInput& input, const at::Tensor& output,
                             bool values) const {
  const auto& query = input.query;
  const auto wrong = [&](const std::string& what, const std::string& got,
                         const std::string& expected) {
    return Error(who_ + " returned an output of " + what + " " + got + "; expected " + expected +
                 ", as the query has.");
  };
  if (!output.defined()) throw Error(who_ + " returned no output tensor.");
  if (output.sizes() != query.sizes()) {
    throw wrong("shape", text(output.sizes()), text(query.sizes()));
  }
  if (output.scalar_type() != query.scalar_type()) {
    throw wrong("dtype", text(output.scalar_type()), text(query.scalar_type()));
  }
  if (output.device() != query.device()) {
    throw wrong("device", output.device().str(), query.device().str());
  }
  // Not finite in, not finite out: then the model is to blame, and its loss will say so.
  if (values && !finite(output) && finite(query) && finite(input.key) && finite(input.value)) {
    throw Error(who_ + " returned NaN or infinity for finite query, key and value.");
  }
}

}  // namespace attnlab
