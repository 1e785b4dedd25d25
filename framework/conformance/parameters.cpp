// parameters.cpp: bad parameters get an error that names them.
#include <cmath>
#include <limits>

#include "framework/conformance/property.h"
#include "framework/core/error.h"
#include "framework/plugin/parameters.h"

namespace attnlab::conformance {
namespace {

using config::Node;

/// Values that the declaration excludes.
std::vector<Node> bad_values(const config::Parameter& parameter) {
  std::vector<Node> bad{Node(config::List{})};
  const auto& range = parameter.range;
  const bool integer = parameter.kind == config::Kind::integer;
  const auto number = [&](double x) {
    return integer ? Node(static_cast<std::int64_t>(x)) : Node(x);
  };
  if (parameter.kind == config::Kind::choice) bad.emplace_back(std::string("no_such_choice"));
  if (!integer && parameter.kind != config::Kind::real) return bad;
  bad.emplace_back(std::string("text"));
  if (integer) bad.emplace_back(1.5);
  if (!integer) bad.emplace_back(std::numeric_limits<double>::quiet_NaN());
  if (std::isfinite(range.low)) bad.push_back(number(range.low_open ? range.low : range.low - 1));
  if (std::isfinite(range.high) && range.high < 1e15) {
    bad.push_back(number(range.high_open ? range.high : range.high + 1));
  }
  if (range.rule == config::Rule::even) bad.emplace_back(std::int64_t{3});
  if (range.rule == config::Rule::one_or_even) bad.emplace_back(std::int64_t{3});
  if (range.rule == config::Rule::power_of_two) bad.emplace_back(std::int64_t{6});
  return bad;
}

/// Empty, or what create() did wrong with this section.
std::string problem(const Subject& subject, const Case& c, const std::string& name) {
  const std::string shown = name + "=" + c.section(subject.note()).find(name)->text();
  try {
    (void)subject.create(c);
  } catch (const Error& error) {
    if (std::string(error.what()).find(name) != std::string::npos) return {};
    return shown + ": the error does not name '" + name + "': " + error.what();
  }
  return shown + " was accepted";
}

}  // namespace

Verdict check_parameters(const Subject& subject, const Case& drawn) {
  Case c = drawn;
  c.parameters = {{"no_such_parameter", Node(std::int64_t{1})}};
  if (const auto why = problem(subject, c, "no_such_parameter"); !why.empty()) return fail(why);
  for (const auto& parameter : plugin::parameters(subject.note())) {
    for (const auto& value : bad_values(parameter)) {
      c.parameters = {{parameter.name, value}};
      if (const auto why = problem(subject, c, parameter.name); !why.empty()) return fail(why);
    }
  }
  return pass();
}

}  // namespace attnlab::conformance
