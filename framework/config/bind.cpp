#include "framework/config/bind.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "framework/core/text.h"

namespace attnlab::config {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string bound(double value) {
  const bool exact_integer = std::abs(value) < 0x1p53 && value == std::floor(value);
  return exact_integer ? std::to_string(static_cast<std::int64_t>(value)) : exact_number(value);
}

// "from 1 to 65536", "above 0", "from 0 to below 1", or "" without bounds.
std::string range_text(const Range& range) {
  const bool low = range.low != -kInfinity;
  const bool high = range.high != kInfinity;
  std::string text;
  if (low) text += (range.low_open ? "above " : "from ") + bound(range.low);
  if (!high) return low && !range.low_open ? "of at least " + bound(range.low) : text;
  if (!low) return (range.high_open ? "below " : "of at most ") + bound(range.high);
  return text + (range.low_open ? " and " : " to ") +
         (range.high_open  ? "below "
          : range.low_open ? "at most "
                           : "") +
         bound(range.high);
}

bool inside(const Range& range, double value) {
  const bool above = range.low_open ? value > range.low : value >= range.low;
  const bool below = range.high_open ? value < range.high : value <= range.high;
  return above && below;
}

// What breaks the rule, as "is odd"; empty when it holds.
std::string broken_rule(Rule rule, std::int64_t value) {
  switch (rule) {
    case Rule::none:
      return "";
    case Rule::one_or_even:
      return value == 1 || value % 2 == 0 ? "" : "is odd";
    case Rule::even:
      return value % 2 == 0 ? "" : "is odd";
    case Rule::power_of_two:
      return value > 0 && std::has_single_bit(static_cast<std::uint64_t>(value))
                 ? ""
                 : "is no power of two";
  }
  return "";
}

std::string article(const std::string& noun) {
  return (std::string_view("aeiou").find(noun[0]) != std::string_view::npos ? "an " : "a ") + noun;
}

// "attention_plugins/x/config.yaml:7: attention.buckets: "
std::string place(const Origin& origin, const std::string& path) {
  const std::string source = origin.text();
  return (source.empty() ? "" : source + ": ") + path + ": ";
}

std::string dotted(const std::string& where, const std::string& name) {
  return where.empty() ? name : where + "." + name;
}

[[noreturn]] void refuse(const Node& node, const std::string& path, const std::string& wrong,
                         const Parameter& parameter) {
  throw Error(place(node.origin(), path) + wrong + "; expected " + expectation(parameter) + ".");
}

[[noreturn]] void refuse_type(const Node& node, const std::string& path,
                              const Parameter& parameter) {
  std::string wrong = node.is_null()
                          ? "null has no value here"
                          : node.text() + " is " + article(std::string(node.type_name()));
  refuse(node, path, wrong, parameter);
}

void check_number(const Node& node, double value, const std::string& path,
                  const Parameter& parameter) {
  if (!std::isfinite(value)) refuse(node, path, node.text() + " is not finite", parameter);
  if (!inside(parameter.range, value)) {
    refuse(node, path, node.text() + " is out of range", parameter);
  }
}

Node checked_value(const Node& node, const std::string& path, const Parameter& parameter) {
  const auto* integer = std::get_if<std::int64_t>(&node.value());
  switch (parameter.kind) {
    case Kind::boolean:
      if (!std::holds_alternative<bool>(node.value())) refuse_type(node, path, parameter);
      return node;
    case Kind::integer: {
      if (!integer) refuse_type(node, path, parameter);
      check_number(node, static_cast<double>(*integer), path, parameter);
      const std::string broken = broken_rule(parameter.range.rule, *integer);
      if (!broken.empty()) refuse(node, path, node.text() + " " + broken, parameter);
      return node;
    }
    case Kind::real: {
      const auto* real = std::get_if<double>(&node.value());
      if (!integer && !real) refuse_type(node, path, parameter);
      const double value = integer ? static_cast<double>(*integer) : *real;
      check_number(node, value, path, parameter);
      return {value, node.origin()};
    }
    case Kind::text:
      if (node.is_null() || node.is_map() || node.is_list()) refuse_type(node, path, parameter);
      if (std::holds_alternative<std::string>(node.value())) return node;
      return {node.text(), node.origin()};  // `study=7` means the name "7"
    case Kind::choice: {
      // A choice may look like a number or be called nan: what counts is how it is written.
      const auto* text = std::get_if<std::string>(&node.value());
      const std::string name = text ? *text : node.text();
      const auto& names = parameter.choices;
      if (std::find(names.begin(), names.end(), name) != names.end()) return {name, node.origin()};
      if (!text) refuse_type(node, path, parameter);
      const auto near = nearest(name, names);
      const std::string hint = near.empty() ? "" : did_you_mean(name, names);
      throw Error(place(node.origin(), path) + "'" + name + "' is not known; expected " +
                  expectation(parameter) + "." + hint);
    }
  }
  return node;
}

void check_keys(const Node& section, const std::vector<Parameter>& parameters,
                const std::string& where, const std::vector<std::string>& extra_keys) {
  std::vector<std::string> names = extra_keys;
  for (const auto& parameter : parameters) names.push_back(parameter.name);
  for (const auto& [key, child] : section.as_map()) {
    if (std::find(names.begin(), names.end(), key) != names.end()) continue;
    const std::string source = child.origin().text();
    throw Error((source.empty() ? "" : source + ": ") + "unknown key '" + key + "'" +
                (where.empty() ? "" : " in '" + where + "'") + "." + did_you_mean(key, names));
  }
}

}  // namespace

std::string expectation(const Parameter& parameter) {
  const Range& range = parameter.range;
  std::string bounds = range_text(range);
  if (!bounds.empty()) bounds = " " + bounds;
  switch (parameter.kind) {
    case Kind::boolean:
      return "true or false";
    case Kind::text:
      return "a string";
    case Kind::choice:
      return "one of " + join(parameter.choices, ", ");
    case Kind::real:
      return "a number" + bounds;
    case Kind::integer:
      break;
  }
  switch (range.rule) {
    case Rule::one_or_even:
      return "1 or an even integer" + bounds;
    case Rule::even:
      return "an even integer" + bounds;
    case Rule::power_of_two:
      return "a power of two" + bounds;
    case Rule::none:
      break;
  }
  return "an integer" + bounds;
}

Node checked(const Node& section, const std::vector<Parameter>& parameters,
             const std::string& where, const std::vector<std::string>& extra_keys) {
  if (!section.is_map()) {
    throw Error(place(section.origin(), where) + section.text() + " is " +
                article(std::string(section.type_name())) + "; expected a section of keys.");
  }
  check_keys(section, parameters, where, extra_keys);
  Node map = Node::map(section.origin());
  for (const auto& key : extra_keys) {
    if (const Node* child = section.find(key)) map.set(key, *child);
  }
  for (const auto& parameter : parameters) {
    const Node* given = section.find(parameter.name);
    const Node& value = given ? *given : parameter.default_value;
    map.set(parameter.name, checked_value(value, dotted(where, parameter.name), parameter));
  }
  return map;
}

}  // namespace attnlab::config
