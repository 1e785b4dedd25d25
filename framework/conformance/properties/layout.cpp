// layout.cpp: strides do not matter, and the inputs are left as they were.
#include "framework/conformance/judge.h"
#include "framework/conformance/property.h"

namespace attnlab::conformance {
namespace {

// As the model hands it over: a view of [B, T, H, D]; of the hidden input: of [B, C, T].
at::Tensor heads_inside(const at::Tensor& x) {
  return x.transpose(1, 2).contiguous().transpose(1, 2);
}

// Every second number of a wider tensor, some way into its storage.
at::Tensor every_second(const at::Tensor& x) {
  auto sizes = x.sizes().vec();
  sizes.back() = 2 * sizes.back() + 3;
  const auto wide = at::full(sizes, std::nan(""), x.options());
  auto view = wide.slice(-1, 3, sizes.back(), 2);
  view.copy_(x);
  return view;
}

void check_layout(const Trial& trial) {
  const auto input = trial.input();
  const auto expected = trial.ran();
  const std::pair<const char*, at::Tensor (*)(const at::Tensor&)> layouts[]{
      {"for views of [B, T, H, D]", heads_inside},
      {"for every second number of a tensor", every_second}};
  for (const auto& [what, change] : layouts) {
    expect_close("the output " + std::string(what), trial.run(changed(input, change), trial.call()),
                 expected);
  }
}

void expect_untouched(const std::string& when, const AttentionInput& input,
                      const AttentionInput& copy) {
  for (const auto& part : kParts) {
    expect_equal_bits("the " + std::string(part.name) + " after " + when, input.*part.input,
                      copy.*part.input);
  }
  expect_equal_bits("the documents after " + when, input.documents, copy.documents);
}

// The leaves share their memory with `input`. Forward goes alone first: autograd would only say
// that something was modified.
void check_untouched(const Trial& trial) {
  const auto input = trial.input(), copy = trial.input();
  (void)trial.run(input, trial.call());
  expect_untouched("forward", input, copy);
  const auto grad = trial.grad_out();
  const auto shared =
      changed(input, [](const at::Tensor& x) { return x.detach().requires_grad_(true); });
  trial.forward(shared, trial.call()).output.backward(grad);
  expect_untouched("backward", input, copy);
  expect_equal_bits("the output's gradient after backward", grad, trial.grad_out());
}

void check_inputs(const Trial& trial) {
  check_untouched(trial);
  if (!trial.has(plugin::kIsolatesDocuments)) return;
  const auto apart = trial.isolated();
  if (apart.refusal().empty()) check_untouched(apart);
}

}  // namespace

const Property kLayout{
    .name = "layout",
    .promise = "non-contiguous query, key, value and hidden input give the same output",
    .check = check_layout};

const Property kInputs{.name = "inputs",
                       .promise = "query, key, value, documents and the output's gradient are not written to",
                       .check = check_inputs};

}  // namespace attnlab::conformance
