#include "framework/config/bind.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <cmath>

#include "framework/config/scalar.h"
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

[[noreturn]] void refuse(const Node& node, const std::string& path, const std::string& wrong,
                         const Parameter& parameter) {
  throw Error(node.origin().place() + path + ": " + wrong + "; expected " + expectation(parameter) +
              ".");
}

[[noreturn]] void refuse_type(const Node& node, const std::string& path,
                              const Parameter& parameter) {
  if (node.is_null()) refuse(node, path, "null has no value here", parameter);
  const std::string wrong = node.spelling() + " is " + article(std::string(node.type_name()));
  const std::string* text = node.as_string();
  const bool sweep = text != nullptr && text->find_first_of(",(") != std::string::npos;
  if (!sweep || node.origin().line() == 0) refuse(node, path, wrong, parameter);
  throw Error(node.origin().place() + path + ": " + wrong + "; expected " + expectation(parameter) +
              ". To sweep it, write '" + path + ": " + *text +
              "' in the mapping `sweep:` of an experiment file.");
}

void check_number(const Node& node, double value, const std::string& path,
                  const Parameter& parameter) {
  if (!std::isfinite(value)) refuse(node, path, node.text() + " is not finite", parameter);
  if (!inside(parameter.range, value)) {
    refuse(node, path, node.text() + " is out of range", parameter);
  }
}

// What the value stands for where a boolean, an integer or a real is wanted; null: nothing.
Node::Value converted(const Node& node, Kind kind) {
  const std::string* text = node.as_string();
  if (text == nullptr && kind != Kind::boolean) return node.value();
  std::string word = lower_case(trimmed(text != nullptr ? *text : node.text(), " \t\n"));
  if (kind == Kind::boolean) {
    for (const auto* yes : {"true", "yes", "y", "on", "1"}) {
      if (word == yes) return true;
    }
    for (const auto* no : {"false", "no", "n", "off", "0"}) {
      if (word == no) return false;
    }
    return {};
  }
  // "007" is 7 for Python's int() and float(), and a string in YAML.
  const std::size_t sign = word.starts_with('-') || word.starts_with('+') ? 1 : 0;
  while (word.size() > sign + 1 && word[sign] == '0' && std::isdigit(word[sign + 1]) != 0) {
    word.erase(sign, 1);
  }
  try {
    return typed_scalar(word);
  } catch (const Error&) {
    return {};  // an integer beyond 64 bits
  }
}

// A choice may look like a number or be called nan: what counts is how it is written.
Node checked_choice(const Node& node, const std::string& path, const Parameter& parameter) {
  const std::string name = node.plain_text();
  const auto& names = parameter.choices;
  if (std::ranges::find(names, name) != names.end()) return {name, node.origin()};
  if (!node.as_string()) refuse_type(node, path, parameter);
  throw Error(node.origin().place() + path + ": '" + name + "' is not known; expected " +
              expectation(parameter) + "." +
              (nearest(name, names).empty() ? "" : did_you_mean(name, names)));
}

Node checked_value(const Node& node, const std::string& path, const Parameter& parameter) {
  if (node.as_string() && *node.as_string() == "???") {
    throw Error(node.origin().place() + path + ": the value is still missing; set it with " + path +
                "=VALUE, expected " + expectation(parameter) + ".");
  }
  if (parameter.kind == Kind::choice) return checked_choice(node, path, parameter);
  if (parameter.kind == Kind::text) {
    if (node.is_null() || node.is_map() || node.is_list()) refuse_type(node, path, parameter);
    if (node.as_string()) return node;
    return {node.spelling(), node.origin()};  // `study=7` means the name "7"
  }
  const Node::Value value = converted(node, parameter.kind);
  if (parameter.kind == Kind::boolean) {
    if (!std::holds_alternative<bool>(value)) refuse_type(node, path, parameter);
    return {value, node.origin()};
  }
  const auto* integer = std::get_if<std::int64_t>(&value);
  const auto* real = std::get_if<double>(&value);
  if (integer == nullptr && (real == nullptr || parameter.kind == Kind::integer)) {
    refuse_type(node, path, parameter);
  }
  check_number(node, integer != nullptr ? static_cast<double>(*integer) : *real, path, parameter);
  if (parameter.kind == Kind::real) {
    return {(integer != nullptr ? static_cast<double>(*integer) : *real) + 0.0, node.origin()};  // -0.0 is 0.0
  }
  const std::string broken = broken_rule(parameter.range.rule, *integer);
  if (!broken.empty()) refuse(node, path, node.text() + " " + broken, parameter);
  return {*integer, node.origin()};
}

void check_keys(const Node& section, const std::vector<Parameter>& parameters,
                const std::string& where, const std::vector<std::string>& extra_keys) {
  for (const auto& [key, child] : section.as_map()) {
    if (std::ranges::find(parameters, key, &Parameter::name) != parameters.end()) continue;
    if (std::ranges::find(extra_keys, key) != extra_keys.end()) continue;
    std::vector<std::string> names = extra_keys;
    for (const auto& parameter : parameters) names.push_back(parameter.name);
    // A section that no line of a file names was made for the group that the file is an option of.
    const bool of_group = where.empty() && child.is_map() && child.origin().line() == 0 && child.origin().text().ends_with(".yaml");
    throw Error(child.origin().place() + "unknown key '" + key + "'" +
                (where.empty() ? "" : " in '" + where + "'") + "." + did_you_mean(key, names) +
                (of_group ? " The file's keys stand in a section '" + key + "', named after its folder; for keys of a whole run expected "
                            "'# @package _global_' as its first line." : ""));
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
    throw Error(section.origin().place() + where + ": " + section.text() + " is " +
                article(std::string(section.type_name())) + "; expected a section of keys.");
  }
  check_keys(section, parameters, where, extra_keys);
  Map map;
  map.reserve(parameters.size() + extra_keys.size());
  for (const auto& key : extra_keys) {
    if (const Node* child = section.find(key)) map.emplace_back(key, *child);
  }
  for (const auto& parameter : parameters) {
    const Node* given = section.find(parameter.name);
    const Node& value = given ? *given : parameter.default_value;
    map.emplace_back(parameter.name,
                     checked_value(value, key_below(where, parameter.name), parameter));
  }
  return {std::move(map), section.origin()};
}

}  // namespace attnlab::config
