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

// A checkpoint of a buffer that grew fits no model.
void expect_sizes(const Owned& buffers, const std::vector<at::Tensor>& before) {
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const auto &now = buffers[i].value.sizes(), &asked = before[i].sizes();
    if (now.equals(asked)) continue;
    throw Violation("finish_step() gave the buffer '" + buffers[i].name + "' the sizes " + c10::str(now) +
                    "; expected those that it was asked for with, " + c10::str(asked));
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
      outputs.push_back(see(rows));
    }
    if (evaluating) evaluate(cut.front());
    finish();
    return outputs;
  }
  /// A micro-batch of a step, and its end.
  at::Tensor see(const Rows& rows) { return train(rows); }
  void finish() {
    ++steps_;
    const at::NoGradGuard no_grad;
    const auto before = copies(built_.buffers);
    guarded("the plugin", "finish_step", [&] { return built_.attention->finish_step(), 0; });
    expect_sizes(built_.buffers, before);
  }
  [[nodiscard]] std::vector<at::Tensor> collected() {
    return guarded("the plugin", "collected", [&] { return built_.attention->collected(); });
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

// As the engine does for the ranks of a run: each has the sum of both.
void add_up(Life& one, Life& other) {
  const at::NoGradGuard no_grad;
  auto first = one.collected(), second = other.collected();
  for (std::size_t i = 0; i < first.size() || i < second.size(); ++i) {
    const auto name = "sum " + std::to_string(i + 1) + " of collected()";
    const bool alike = i < first.size() && i < second.size() && first[i].defined() && second[i].defined() &&
                       first[i].sizes() == second[i].sizes() && first[i].scalar_type() == second[i].scalar_type();
    if (!alike) throw Violation(name + " is not the same tensor whatever sequences were seen; expected as many sums, of "
                                       "the same sizes and dtypes, at any time");
    const auto type = first[i].scalar_type();
    if (type != at::kFloat && type != at::kDouble) {
      throw Violation(name + " has dtype " + c10::toString(type) + "; expected float32 or float64");
    }
    const auto sum = first[i].to(at::kDouble) + second[i].to(at::kDouble);
    first[i].copy_(sum), second[i].copy_(sum);
  }
}

void expect_nothing_collected(Life& life) {
  for (const auto& sum : life.collected()) {
    if (sum.defined() && sum.ne(0).any().item<bool>()) {
      throw Violation("collected() gives sums that are not 0 before a step's first forward; expected what forward() "
                      "collected since the last finish_step()");
    }
  }
}

// Two ranks of a run: what each collected of its sequences is added up before both finish the step.
void check_ranks(const Trial& trial, const Rows& few, const Rows& rest, const Rows& everything, int steps) {
  Life one(trial, false), other(trial, false), whole(trial, false);
  if (one.collected().empty()) return;  // refused where a run has several ranks
  for (int step = 0; step < steps; ++step) {
    expect_nothing_collected(one);
    (void)one.see(few), (void)other.see(rest);
    add_up(one, other);
    one.finish(), other.finish();
    (void)whole.step({everything});
    each_buffer(one, other, [&](const std::string& name, const auto& a, const auto& b) {
      expect_equal_bits(name + " of two ranks whose sums of collected() are the same", a, b);
    });
    expect_same_sums("a step that two ranks shared, the sums of collected() added up, instead of one", one, whole);
  }
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
  if (many) {
    check_cut(trial, cut, {everything});
    return check_ranks(trial, {0}, rest, everything, 1);
  }
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
  check_ranks(trial, {0}, rest, everything, 2);
}

}  // namespace

const Property kBuffers{
    .name = "buffers",
    .promise =
        "buffers move in finish_step() alone, and neither how a batch was cut nor the order "
        "of its parts nor an evaluation changes what they become, nor ranks that add up collected()",
    .check = check_buffers};

}  // namespace attnlab::conformance
