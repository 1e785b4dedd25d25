// weights.cpp: what a row takes of each value is a softmax of its scores over earlier rows.
#include <cmath>

#include "framework/attention/reference.h"
#include "framework/conformance/compare.h"
#include "framework/conformance/property.h"

namespace attnlab::conformance {
namespace {

at::Tensor scores_of(const Call& call) {
  const auto query = call.query.to(at::kDouble), key = call.key.to(at::kDouble);
  return at::matmul(query, key.transpose(-1, -2)) / std::sqrt(static_cast<double>(query.size(3)));
}

/// Rows that take their own value and nothing else: under strict causality the last resort of a row
/// whose pattern holds no earlier key (Kitaev et al. 2020).
at::Tensor rows_on_their_own(const at::Tensor& weights) {
  const auto own = weights.diagonal(0, -2, -1);  // [B, H, T]
  return own.ne(0).logical_and(weights.ne(0).sum(-1).eq(1));
}

/// The reading itself: float64 where the plugin has it, so that small weights are told from none.
Case precise(const Subject& subject, Case c) {
  if (subject.has(plugin::kFloat64)) c.dtype = at::kDouble;
  return with_overrides(c, subject.note().exact_when.view(), subject.note());
}

}  // namespace

Verdict check_weights(const Subject& subject, const Case& drawn) {
  if (!subject.has(plugin::kExactSoftmax))
    return not_applicable("it does not declare exact_softmax");
  const Case c = precise(subject, drawn);
  const auto call = make_call(c);
  const auto weights = subject.weights(c, call).to(at::kDouble);
  const double tolerance = slack(c.dtype);
  const auto support = weights.ne(0);
  const auto sums = weights.sum(-1);
  const auto proper = (sums - 1).abs().le(tolerance).logical_or(support.any(-1).logical_not());
  if (!proper.all().item<bool>()) {
    return fail("the weights of a row sum to " +
                std::to_string(sums.masked_select(proper.logical_not())[0].item<double>()) +
                "; expected 1, or no key at all");
  }
  auto allowed = causal_mask(c.T, c.strict()).to(support.device()).expand_as(support);
  if (c.strict()) {
    const auto alone = rows_on_their_own(weights).unsqueeze(-1);
    allowed =
        allowed.logical_or(alone.logical_and(at::eye(c.T, allowed.options()).expand_as(support)));
  }
  if (support.logical_and(allowed.logical_not()).any().item<bool>()) {
    return fail("a row takes the value of a later row" +
                std::string(c.strict() ? ", or its own" : ""));
  }
  const auto masked = scores_of(call).masked_fill(support.logical_not(), -INFINITY);
  const auto expected = at::nan_to_num(at::softmax(masked, -1), 0.0);
  if (!near(weights, expected, tolerance)) {
    return fail("the weights are no softmax of the scores over the keys they are spread on: " +
                where_apart(weights, expected));
  }
  const auto out = subject.output(c, call),
             average = at::matmul(weights, call.value.to(at::kDouble));
  return near(out, average, 4 * tolerance)
             ? pass()
             : fail("the output is not the average that the weights say: " +
                    where_apart(out, average));
}

Verdict check_dense(const Subject& subject, const Case& drawn) {
  const auto when = subject.note().dense_when.view();
  if (when.empty()) return not_applicable("it declares no parameters that switch its sparsity off");
  const Case c = with_overrides(drawn, when, subject.note());
  if (const auto reason = subject.refuses(c); !reason.empty()) return pass();
  const auto call = make_call(c);
  const auto mask = causal_mask(c.T, c.strict()).to(call.query.device());
  const double scale = 1 / std::sqrt(static_cast<double>(c.D));
  const auto expected = masked_reference(call.query, call.key, call.value, mask, scale);
  const auto out = subject.output(c, call);
  return near(out, expected, slack(c.dtype))
             ? pass()
             : fail("with " + std::string(when) +
                    " it is not dense attention: " + where_apart(out, expected));
}

}  // namespace attnlab::conformance
