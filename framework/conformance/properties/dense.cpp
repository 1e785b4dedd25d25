// dense.cpp: with the parameters that switch the sparsity off, the plugin is dense attention.
#include "framework/attention/reference.h"
#include "framework/conformance/judge.h"
#include "framework/conformance/properties/all.h"

namespace attnlab::conformance {
namespace {

void check(const Trial& drawn) {
  // The words are overrides of the defaults, so parameters that were drawn do not count.
  const auto trial = drawn.plain().with(std::string(drawn.note().dense_when.view()));
  if (!trial.refusal().empty()) return;
  const auto input = trial.input();
  const auto grad = trial.grad_out();
  const std::int64_t T = trial.check().length;
  const auto mask =
      causal_mask(T, trial.strict()).expand({trial.check().batch, trial.check().heads, T, T});
  const auto actual = trial.attend(input, trial.call());
  const auto exact = reference(input, grad, mask);
  const auto libtorch = by_libtorch(input, grad, mask, exact);
  const std::string with = " with " + std::string(trial.note().dense_when.view());
  expect_by_rule("the output" + with, actual.out, libtorch.out, exact.out, trial.dtype());
  expect_by_rule("the gradient of the query" + with, actual.dq, libtorch.dq, exact.dq,
                 trial.dtype());
  expect_by_rule("the gradient of the key" + with, actual.dk, libtorch.dk, exact.dk, trial.dtype());
  expect_by_rule("the gradient of the value" + with, actual.dv, libtorch.dv, exact.dv,
                 trial.dtype());
}

}  // namespace

const Property kDense{
    .name = "dense",
    .promise = "with the declared parameters it equals dense attention in float64",
    .check = check,
    .not_applicable = [](const plugin::PluginNote& note) -> std::string {
      if (!note.dense_when.view().empty()) return {};
      return "the plugin names no parameters that switch its sparsity off";
    }};

}  // namespace attnlab::conformance
