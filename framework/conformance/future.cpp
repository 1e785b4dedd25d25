// future.cpp: a row's output does not depend on later rows, in no bit and in no gradient.
#include <limits>

#include "framework/conformance/compare.h"
#include "framework/conformance/property.h"

namespace attnlab::conformance {
namespace {

enum class Change { noise, not_a_number, infinite };

/// The call with rows after t changed: values only, or queries and keys too.
Call changed_after(const Call& call, std::int64_t t, Change change, bool values_only) {
  Call other = call;
  const auto replace = [&](at::Tensor& x) {
    x = x.clone();
    auto later = x.slice(-2, t + 1);
    if (change == Change::noise) later.copy_(later.flip(-1) * -2 + 0.5);
    if (change == Change::not_a_number) later.fill_(std::numeric_limits<double>::quiet_NaN());
    if (change == Change::infinite) later.fill_(std::numeric_limits<double>::infinity());
  };
  replace(other.value);
  if (!values_only) replace(other.query), replace(other.key), replace(other.hidden);
  return other;
}

/// Places to cut at: early, in the middle, before the last row.
std::vector<std::int64_t> cuts(std::int64_t T) {
  std::vector<std::int64_t> all;
  for (const std::int64_t t : {std::int64_t{0}, T / 3, T / 2, T - 2}) {
    if (t >= 0 && t < T - 1 && (all.empty() || all.back() < t)) all.push_back(t);
  }
  return all;
}

const char* in_words(Change change) {
  return change == Change::noise          ? "other numbers"
         : change == Change::not_a_number ? "NaN"
                                          : "infinity";
}

Verdict check_output(const Subject& subject, const Case& c, const Call& call, std::int64_t t) {
  const bool values_only = subject.has(plugin::kPatternSeesFuture);
  const auto expected = subject.output(c, call).slice(2, 0, t + 1);
  for (const auto change : {Change::noise, Change::not_a_number, Change::infinite}) {
    const auto out =
        subject.output(c, changed_after(call, t, change, values_only)).slice(2, 0, t + 1);
    if (same_bits(out, expected)) continue;
    return fail(std::string(in_words(change)) + " in " +
                (values_only ? "the values" : "queries, keys and values") + " of rows after " +
                std::to_string(t) + " changed an earlier output: " + where_apart(out, expected));
  }
  return pass();
}

Verdict check_gradients(const Subject& subject, const Case& c, const Call& call, std::int64_t t) {
  auto weight = at::zeros_like(call.query);
  weight.slice(2, 0, t + 1).fill_(1);
  const auto grads = subject.gradients(c, call, weight);
  const char* const names[] = {"query", "key", "value"};
  int i = 0;
  for (const auto* grad : {&grads.query, &grads.key, &grads.value}) {
    if (largest(grad->slice(2, t + 1)) != 0) {
      return fail("outputs up to row " + std::to_string(t) + " have a gradient by the " + names[i] +
                  " of a later row: " + std::to_string(largest(grad->slice(2, t + 1))) +
                  ", expected 0");
    }
    ++i;
  }
  return pass();
}

}  // namespace

Verdict check_future(const Subject& subject, const Case& c) {
  const auto call = make_call(c);
  for (const std::int64_t t : cuts(c.T)) {
    if (auto verdict = check_output(subject, c, call, t); verdict.failed()) return verdict;
    if (auto verdict = check_gradients(subject, c, call, t); verdict.failed()) return verdict;
  }
  return pass();
}

}  // namespace attnlab::conformance
