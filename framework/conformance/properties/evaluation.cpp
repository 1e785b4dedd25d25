// evaluation.cpp: evaluation works without gradients and reports numbers that can be stored.
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <cmath>

#include "framework/attention/guarded.h"
#include "framework/conformance/judge.h"
#include "framework/conformance/property.h"
#include "framework/core/text.h"

namespace attnlab::conformance {
namespace {

// Names and shapes are looked at in every run (checked_attention.h).
void check_statistics(const std::vector<Statistic>& statistics) {
  for (const auto& statistic : statistics) {
    const std::string what = "the statistic '" + statistic.name + "' ";
    if (statistic.unit.empty()) throw Violation(what + "has no unit");
    if (!std::isfinite(statistic.value.read())) throw Violation(what + "is not finite");
  }
}

AttentionOutput evaluate(const Trial& trial, Attention& attention) {
  return guarded("the plugin", "forward in evaluation",
                 [&] { return attention.forward(trial.input(), trial.evaluating().call().context()); });
}

// Every score comes from evaluation. Where it computes what training computes, all that was found of that
// holds for it; elsewhere it is asked itself.
bool computes_as_training(const Trial& trial, const at::Tensor& evaluated) {
  return evaluated.eq(trial.ran()).all().item<bool>();
}

void keep_in_evaluation(const Trial& trial, const Property& property) {
  if (property.not_applicable != nullptr && !property.not_applicable(trial.note()).empty()) return;
  const at::AutoGradMode of_references(true);
  try {
    property.check(trial.evaluating());
  } catch (const Skipped&) {
    return;
  } catch (const Violation& violation) {
    throw Violation(std::string("in evaluation, whose output is not that of training: ") + violation.what());
  }
}

// What sees no key is 0, so an output of zeros would keep every other promise.
void expect_no_blinder(const at::Tensor& evaluated, const at::Tensor& training) {
  const auto is_nothing = [](const at::Tensor& out) { return out.eq(0).all(-1); };
  const auto blind = is_nothing(evaluated).logical_and(is_nothing(training).logical_not());
  if (!blind.any().item<bool>()) return;
  throw Violation("the output in evaluation is 0 for a row that is not in training, at " +
                  where_largest(blind) + " = [b, h, t]");
}

void check_promises(const Trial& trial, const at::Tensor& evaluated) {
  if (!computes_as_training(trial, evaluated)) {
    expect_no_blinder(evaluated, trial.ran());
    for (const auto* property : {&kCausality, &kSoftmax, &kFutureValues, &kFuturePattern}) {
      keep_in_evaluation(trial, *property);
    }
  }
  const auto apart = trial.isolated();
  if (!trial.has(plugin::kIsolatesDocuments) || !apart.refusal().empty()) return;
  if (!computes_as_training(apart, evaluate(apart, *apart.build()).output)) keep_in_evaluation(trial, kDocuments);
}

// The count of the weights that were read; a weight that is too small for its dtype is none.
void expect_pairs(const Trial& trial, const AttentionOutput& result) {
  constexpr std::int64_t kCounted = 300;
  const auto is_exact = (trial.note().traits & (plugin::kExactSoftmax | plugin::kOwnScores)) != 0;
  const bool wide = trial.dtype() == at::kFloat || trial.dtype() == at::kDouble;
  if (!is_exact || !wide || trial.check().length > kCounted || trial.check().query_scale != 1) return;
  for (const auto& statistic : result.statistics) {
    if (statistic.name != "pairs_per_query") continue;
    const auto weights = computes_as_training(trial, result.output) ? trial.weights() : trial.evaluating().weights();
    const double counted = weights.ne(0).sum(-1).to(at::kDouble).mean().item<double>();
    const double told = statistic.value.read();
    if (std::abs(told - counted) <= 1e-5 * std::max(1.0, counted)) continue;
    throw Violation("the statistic 'pairs_per_query' is " + exact_number(told) + ", and rows see " +
                    exact_number(counted) + " keys in the mean by the weights that were read; tables make "
                    "'pairs of dense' and the cost of a run of it");
  }
}

void check_without_gradients(const Trial& trial) {
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
  auto logged = call;
  logged.statistics = true;
  check_statistics(attention->forward(trial.input(), logged.context()).statistics);
  check_promises(trial, result.output);
  expect_pairs(trial, result);
  const c10::InferenceMode inference;
  expect_equal_bits("evaluation in inference mode", evaluate(trial, *trial.build()).output.clone(),
                    result.output.clone());
}

void check_evaluation(const Trial& trial) {
  check_without_gradients(trial);
  auto logged = trial.call();
  logged.statistics = true;
  expect_equal_bits("a training step that is asked for statistics", trial.attend(trial.input(), logged),
                    trial.attended());
}

}  // namespace

const Property kEvaluation{.name = "evaluation",
                           .promise =
                               "evaluation needs no gradients, repeats itself, keeps what training keeps, and "
                               "its statistics are true, finite and well named",
                           .check = check_evaluation};

}  // namespace attnlab::conformance
