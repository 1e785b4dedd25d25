// parameters.cpp: a value outside of a declared range is refused by its parameter's name.
#include "framework/plugin/parameters.h"

#include "framework/attention/free_owner.h"
#include "framework/config/bind.h"
#include "framework/config/scalar.h"
#include "framework/conformance/property.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::conformance {
namespace {

using config::Kind;
using config::Node;
using config::Rule;

// Values that the note forbids.
std::vector<Node> bad_values(const config::Parameter& parameter) {
  const auto& range = parameter.range;
  std::vector<Node> bad;
  const auto add = [&](const std::string& word) { bad.emplace_back(config::typed_scalar(word)); };
  const auto add_number = [&](double value) {
    if (parameter.kind == Kind::real) add(exact_number(value));
    if (parameter.kind == Kind::integer && std::abs(value) < 0x1p62) {
      add(std::to_string(static_cast<std::int64_t>(value)));
    }
  };
  if (parameter.kind != Kind::text) add("no_such_value");
  if (std::isfinite(range.low)) add_number(range.low_open ? range.low : range.low - 1);
  if (std::isfinite(range.high)) add_number(range.high_open ? range.high : range.high + 1);
  if (range.rule == Rule::even || range.rule == Rule::one_or_even) add("3");
  if (range.rule == Rule::power_of_two) add("6");
  if (parameter.kind == Kind::real) add("nan");
  if (parameter.kind == Kind::integer) add("1.5");
  return bad;
}

// What create and refuses say to it; "" when they take it.
std::string answer(const Trial& trial, const std::string& name, const Node& value) {
  auto section = trial.section();
  section.set(name, value);
  const auto& plugin = trial.subject().plugin.descriptor();
  std::string answers[2];
  const auto ask = [&](std::string& said, auto&& call) {
    try {
      call();
    } catch (const Error& error) {
      said = error.what();
    }
  };
  ask(answers[0], [&] { (void)plugin.refuses(trial.shape(), section); });
  FreeOwner owner(0, trial.device());
  ask(answers[1], [&] { (void)plugin.create(trial.shape(), section, owner); });
  if (answers[0].empty() || answers[1].empty()) return {};
  return answers[0] + answers[1];
}

void expect_refused(const Trial& trial, const std::string& name, const Node& value) {
  const auto said = answer(trial, name, value);
  const std::string what = name + "=" + value.text();
  if (said.empty())
    throw Violation(what + " is accepted; expected an Error that names '" + name + "'");
  if (said.find(name) == std::string::npos) {
    throw Violation(what + " is refused without naming '" + name + "':\n  " + said);
  }
}

// The limits belong to the range: they are taken, or refused in words.
void try_limit(const Trial& trial, const config::Parameter& parameter, double value, bool open) {
  if (!std::isfinite(value) || open || parameter.kind != Kind::integer) return;
  auto section = trial.section();
  section.set(parameter.name,
              config::typed_scalar(std::to_string(static_cast<std::int64_t>(value))));
  try {
    const auto& plugin = trial.subject().plugin.descriptor();
    FreeOwner owner(0, trial.device());
    if (plugin.refuses(trial.shape(), section).empty()) {
      (void)plugin.create(trial.shape(), section, owner);
    }
  } catch (const Error&) {
  }
}

void check_parameters(const Trial& trial) {
  (void)trial.build();
  for (const auto& parameter : plugin::parameters(trial.note())) {
    for (const auto& value : bad_values(parameter)) expect_refused(trial, parameter.name, value);
    try_limit(trial, parameter, parameter.range.low, parameter.range.low_open);
    try_limit(trial, parameter, parameter.range.high, parameter.range.high_open);
  }
  expect_refused(trial, "no_such_parameter", Node(config::typed_scalar("1")));
  for (const auto words : {trial.note().dense_when.view(), trial.note().exact_when.view()}) {
    try {
      (void)trial.with(words).refusal();
    } catch (const Error& error) {
      throw Violation("dense_when or exact_when, '" + std::string(words) +
                      "', cannot be applied:\n  " + error.what());
    }
  }
}

}  // namespace

const Property kParameters{.name = "parameters",
                           .promise = "values outside of the declared ranges are refused by name",
                           .check = check_parameters,
                           .lengths = {8}};

}  // namespace attnlab::conformance
