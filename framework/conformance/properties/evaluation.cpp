// evaluation.cpp: evaluation works without gradients and reports numbers that can be stored.
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <set>

#include "framework/attention/guarded.h"
#include "framework/conformance/judge.h"
#include "framework/conformance/property.h"

namespace attnlab::conformance {
namespace {

bool good_name(const std::string& name) {
  if (name.empty() || name[0] < 'a' || name[0] > 'z') return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
}

void check_statistics(const std::vector<Statistic>& statistics) {
  std::set<std::string> names;
  for (const auto& statistic : statistics) {
    const std::string what = "the statistic '" + statistic.name + "' ";
    if (!good_name(statistic.name)) {
      throw Violation(what + "is badly named; expected lower-case letters, digits and '_'");
    }
    if (!names.insert(statistic.name).second) throw Violation(what + "comes twice");
    if (statistic.unit.empty()) throw Violation(what + "has no unit");
    if (!std::isfinite(statistic.value.read())) throw Violation(what + "is not finite");
  }
}

AttentionOutput evaluate(const Trial& trial, Attention& attention) {
  auto call = trial.call();
  call.training = false;
  return guarded("the plugin", "forward in evaluation",
                 [&] { return attention.forward(trial.input(), call.context()); });
}

void check_evaluation(const Trial& trial) {
  const at::NoGradGuard no_grad;
  const auto attention = trial.build();
  const auto call = trial.call();
  const auto result = evaluate(trial, *attention);
  if (!at::isfinite(result.output).all().item<bool>()) {
    throw Violation("the output in evaluation holds NaN or infinity");
  }
  check_statistics(result.statistics);
  expect_equal_bits("a second evaluation", evaluate(trial, *attention).output, result.output);
  const auto training = attention->forward(trial.input(), call.context());
  if (!training.statistics.empty()) {
    throw Violation("statistics are filled while training, where every step would pay for them");
  }
  expect_equal_bits("a training step after an evaluation", training.output, trial.ran());
  auto logged = call.context();
  logged.statistics = true;
  const auto told = attention->forward(trial.input(), logged);
  check_statistics(told.statistics);
  expect_equal_bits("a training step that is asked for statistics", told.output, training.output);
  const c10::InferenceMode inference;
  expect_equal_bits("evaluation in inference mode", evaluate(trial, *trial.build()).output.clone(),
                    result.output.clone());
}

}  // namespace

const Property kEvaluation{.name = "evaluation",
                           .promise =
                               "evaluation needs no gradients, repeats itself, and its "
                               "statistics are finite and well named",
                           .check = check_evaluation};

}  // namespace attnlab::conformance
