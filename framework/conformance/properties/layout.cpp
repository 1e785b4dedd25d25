// layout.cpp: strides do not matter, and the inputs are left as they were.
#include "framework/conformance/judge.h"
#include "framework/conformance/properties/all.h"

namespace attnlab::conformance {
namespace {

// As the model hands it over: a view of [B, T, H, D].
at::Tensor heads_inside(const at::Tensor& x) {
  return x.transpose(1, 2).contiguous().transpose(1, 2);
}

// Every second number of a wider tensor, some way into its storage.
at::Tensor every_second(const at::Tensor& x) {
  auto sizes = x.sizes().vec();
  sizes.back() = 2 * sizes.back() + 3;
  const auto wide = at::full(sizes, std::nan(""), x.options());
  auto view = wide.slice(3, 3, sizes.back(), 2);
  view.copy_(x);
  return view;
}

void check_layout(const Trial& trial) {
  const auto input = trial.input();
  const auto expected = trial.run(input, trial.call());
  const std::pair<const char*, at::Tensor (*)(const at::Tensor&)> layouts[]{
      {"for views of [B, T, H, D]", heads_inside},
      {"for every second number of a tensor", every_second}};
  for (const auto& [what, change] : layouts) {
    const AttentionInput strided{change(input.query), change(input.key), change(input.value),
                                 input.hidden};
    expect_close("the output " + std::string(what), trial.run(strided, trial.call()), expected);
  }
}

void expect_untouched(const std::string& when, const AttentionInput& input,
                      const AttentionInput& copy) {
  expect_equal_bits("the query after " + when, input.query, copy.query);
  expect_equal_bits("the key after " + when, input.key, copy.key);
  expect_equal_bits("the value after " + when, input.value, copy.value);
  expect_equal_bits("the hidden input after " + when, input.hidden, copy.hidden);
}

// The leaves share their memory with `input`. Forward goes alone first: autograd would only say
// that something was modified.
void check_inputs(const Trial& trial) {
  const auto input = trial.input(), copy = trial.input();
  (void)trial.run(input, trial.call());
  expect_untouched("forward", input, copy);
  const auto grad = trial.grad_out();
  const auto leaf = [](const at::Tensor& x) { return x.detach().requires_grad_(true); };
  const AttentionInput shared{leaf(input.query), leaf(input.key), leaf(input.value), input.hidden};
  const auto call = trial.call();
  trial.build()->forward(shared, call.context()).output.backward(grad);
  expect_untouched("backward", input, copy);
  expect_equal_bits("the output's gradient after backward", grad, trial.grad_out());
}

}  // namespace

const Property kLayout{.name = "layout",
                       .promise = "non-contiguous query, key and value give the same output",
                       .check = check_layout};

const Property kInputs{.name = "inputs",
                       .promise = "query, key, value and the output's gradient are not written to",
                       .check = check_inputs};

}  // namespace attnlab::conformance
