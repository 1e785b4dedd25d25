// buffers.cpp: what a plugin remembers moves after a step and at no other time, however the step's
// batch was cut into micro-batches, and in whatever order they came.
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "framework/attention/guarded.h"
#include "framework/conformance/judge.h"
#include "framework/conformance/owned.h"

namespace attnlab::conformance {
namespace {

using Rows = std::vector<std::int64_t>;
using Cut = std::vector<Rows>;  // micro-batches of one step, in their order

std::vector<at::Tensor> copies(const Owned& buffers) {
  std::vector<at::Tensor> list;
  for (const auto& buffer : buffers) list.push_back(buffer.value.detach().clone());
  return list;
}

void expect_still(const Owned& buffers, const std::vector<at::Tensor>& before, const char* when) {
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    expect_equal_bits("the buffer '" + buffers[i].name + "' moved in " + when +
                          ", and may move in finish_step() alone",
                      buffers[i].value, before[i]);
  }
}

/// A layer's life over some steps.
class Life {
 public:
  Life(const Trial& trial, bool gradients)
      : trial_(trial), built_(build_with_owned(trial)), gradients_(gradients) {}

  /// The output of every micro-batch.
  std::vector<at::Tensor> step(const Cut& cut, bool evaluating = false) {
    std::vector<at::Tensor> outputs;
    for (const auto& rows : cut) {
      if (evaluating) evaluate(rows);
      outputs.push_back(train(rows));
    }
    if (evaluating) evaluate(cut.front());
    ++steps_;
    const at::NoGradGuard no_grad;
    guarded("the plugin", "finish_step", [&] { return built_.attention->finish_step(), 0; });
    return outputs;
  }
  [[nodiscard]] const Owned& buffers() const { return built_.buffers; }

 private:
  Sequences of(const Rows& rows) const {
    auto picked = sequences_of(trial_, rows, static_cast<std::uint64_t>(steps_));
    picked.call.step += steps_;
    return picked;
  }
  at::Tensor train(const Rows& rows) {
    auto picked = of(rows);
    if (gradients_) {
      picked.input = changed(picked.input,
                             [](const at::Tensor& x) { return x.detach().requires_grad_(true); });
    }
    const auto before = copies(built_.buffers);
    const auto result = guarded("the plugin", "forward", [&] {
      return built_.attention->forward(picked.input, picked.call.context());
    });
    expect_still(built_.buffers, before, "a training step's forward");
    if (gradients_) {
      guarded("the plugin", "backward", [&] { return result.output.backward(picked.grad_out), 0; });
      expect_still(built_.buffers, before, "a training step's backward");
    }
    return result.output.detach();
  }
  void evaluate(const Rows& rows) {
    auto picked = of(rows);
    picked.call.training = false;
    const auto before = copies(built_.buffers);
    const at::NoGradGuard no_grad;
    guarded("the plugin", "forward in evaluation",
            [&] { return built_.attention->forward(picked.input, picked.call.context()); });
    expect_still(built_.buffers, before, "evaluation");
  }

  const Trial& trial_;
  Built built_;
  bool gradients_;
  std::int64_t steps_ = 0;
};

void each_buffer(const Life& a, const Life& b, auto&& look) {
  for (std::size_t i = 0; i < a.buffers().size(); ++i) {
    look("the buffer '" + a.buffers()[i].name + "'", a.buffers()[i].value, b.buffers()[i].value);
  }
}

void expect_same_sums(const char* what, const Life& actual, const Life& expected) {
  each_buffer(actual, expected, [&](const std::string& name, const auto& a, const auto& b) {
    expect_close(name + " after " + what, a, b);
  });
}

// In long cases a step alone, cut and whole: a second one would only repeat it.
void check_cut(const Trial& trial, const Life& cut, const Cut& all) {
  Life whole(trial, false);
  (void)whole.step(all);
  expect_same_sums("a step whose batch was cut in two instead of whole", cut, whole);
}

void check_buffers(const Trial& drawn) {
  auto check = owning(drawn, &Built::buffers).check();
  check.batch = std::max<std::int64_t>(check.batch, 3);
  const Trial trial(drawn.subject(), check);
  if (const auto why = trial.refusal(); !why.empty()) throw Skipped(why);
  Rows rest;
  for (std::int64_t row = 1; row < check.batch; ++row) rest.push_back(row);
  Rows everything = rest;
  everything.insert(everything.begin(), 0);
  const bool many = check.length > kManyRows;

  Life cut(trial, !many);
  const auto outputs = cut.step({{0}, rest}, /*evaluating=*/true);
  if (many) return check_cut(trial, cut, {everything});
  Life again(trial, false), whole(trial, false);
  (void)again.step({{0}, rest}), (void)whole.step({{0}, rest});
  each_buffer(again, whole, [&](const std::string& name, const auto& a, const auto& b) {
    expect_equal_bits(name + " after the same step again", a, b);
  });
  each_buffer(again, cut, [&](const std::string& name, const auto& a, const auto& b) {
    expect_equal_bits(name + " after the same step without gradients and evaluations", a, b);
  });
  check_cut(trial, cut, {everything});
  Life turned(trial, false);
  const auto other = turned.step({rest, {0}});
  expect_same_sums("a step whose micro-batches came in another order", turned, cut);
  expect_equal_bits("the output of a micro-batch after another one instead of before it", other[0],
                    outputs[1]);
  expect_equal_bits("the output of a micro-batch before another one instead of after it", other[1],
                    outputs[0]);

  (void)again.step({{0}, rest}), (void)whole.step({everything});
  expect_same_sums("a second step whose batch was cut in two instead of whole", again, whole);
}

}  // namespace

const Property kBuffers{
    .name = "buffers",
    .promise =
        "buffers move in finish_step() alone, and neither how a batch was cut nor the order "
        "of its parts nor an evaluation changes what they become",
    .check = check_buffers};

}  // namespace attnlab::conformance
