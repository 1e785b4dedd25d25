// sweep_functions.cpp: the functions of the override grammar, by name.
#include <algorithm>
#include <array>
#include <cmath>

#include "framework/config/override_parser.h"
#include "framework/config/scalar.h"
#include "framework/core/error.h"
#include "framework/core/random.h"
#include "framework/core/text.h"

namespace attnlab::config {
namespace {

using Kind = Element::Kind;

Element sweep(std::vector<Node> values) {
  Element element;
  element.kind = Kind::sweep;
  element.values = std::move(values);
  return element;
}

// The argument NAME=value, or null pointer.
const Argument* named(const Call& call, std::string_view name) {
  for (const auto& argument : call.arguments) {
    if (argument.name == name) return &argument;
  }
  return nullptr;
}

// Only positional arguments and, once, the named one that the function knows.
void check_names(const Call& call, std::string_view known = {}) {
  for (const auto& argument : call.arguments) {
    if (argument.name.empty()) continue;
    if (argument.name != known || named(call, known) != &argument) {
      const std::string knows =
          known.empty() ? "takes no named arguments"
                        : "knows only the named argument '" + std::string(known) + "', once";
      call.fail(knows + "; found '" + argument.name + "='.", argument.column);
    }
  }
}

const Node& plain(const Call& call, const Argument& argument) {
  if (argument.element.kind != Kind::value) {
    call.fail("takes values here, not a function's sweep.", argument.element.column);
  }
  return argument.element.values[0];
}

std::vector<Node> positional(const Call& call) {
  std::vector<Node> values;
  for (const auto& argument : call.arguments) {
    if (argument.name.empty()) values.push_back(plain(call, argument));
  }
  return values;
}

Element choice(const Call& call) {
  check_names(call);
  if (call.arguments.empty()) call.fail("is an empty sweep; expected at least one value.");
  return sweep(positional(call));
}

// sort() and shuffle() take values, one sweep, or one list, and return the same kind.
Element reordered_input(const Call& call) {
  std::vector<const Argument*> given;
  for (const auto& argument : call.arguments) {
    if (argument.name.empty()) given.push_back(&argument);
  }
  if (given.empty()) call.fail("is an empty sweep; expected at least one value.");
  if (given.size() > 1) return sweep(positional(call));
  const Element& only = given[0]->element;
  if (only.kind != Kind::value && only.kind != Kind::sweep) {
    call.fail("takes values, a list or a sweep of values.", only.column);
  }
  return only;
}

template <class Reorder>
Element reordered(const Call& call, const Reorder& reorder) {
  Element element = reordered_input(call);
  const bool list = element.kind == Kind::value && element.values[0].is_list();
  reorder(list ? element.values[0].as_list() : element.values);
  return element;
}

// Exact for 64-bit integers and doubles alike, so that the order is a total one.
long double comparable(const Node& node) {
  const auto* integer = std::get_if<std::int64_t>(&node.value());
  return integer ? static_cast<long double>(*integer) : std::get<double>(node.value());
}

bool is_comparable(const Node& node) {
  if (std::holds_alternative<std::int64_t>(node.value())) return true;
  const auto* real = std::get_if<double>(&node.value());
  return real && !std::isnan(*real);
}

bool is_text(const Node& node) { return node.as_string() != nullptr; }

bool before(const Node& a, const Node& b) {
  if (is_text(a)) return std::get<std::string>(a.value()) < std::get<std::string>(b.value());
  return comparable(a) < comparable(b);
}

Element sort(const Call& call) {
  check_names(call, "reverse");
  bool reverse = false;
  if (const Argument* argument = named(call, "reverse")) {
    const auto* flag = std::get_if<bool>(&plain(call, *argument).value());
    if (!flag) call.fail("expects reverse=true or reverse=false.", argument->column);
    reverse = *flag;
  }
  return reordered(call, [&](std::vector<Node>& values) {
    if (!std::all_of(values.begin(), values.end(), is_comparable) &&
        !std::all_of(values.begin(), values.end(), is_text)) {
      call.fail("can only order numbers or strings, not a mixture or other types.");
    }
    std::stable_sort(values.begin(), values.end(), [&](const Node& a, const Node& b) {
      return reverse ? before(b, a) : before(a, b);
    });
  });
}

// Fisher-Yates. The seed is fixed, so that a grid typed twice is the same grid.
Element shuffle(const Call& call) {
  check_names(call, "seed");
  std::int64_t seed = 0;
  if (const Argument* argument = named(call, "seed")) {
    const auto* integer = std::get_if<std::int64_t>(&plain(call, *argument).value());
    if (!integer) call.fail("expects an integer as seed.", argument->column);
    seed = *integer;
  }
  const RandomStream random(static_cast<std::uint64_t>(seed), "shuffle");
  return reordered(call, [&](std::vector<Node>& values) {
    for (std::size_t left = values.size(); left > 1; --left) {
      std::swap(values[left - 1], values[random.below(left, left)]);
    }
  });
}

std::vector<std::string> patterns(const Call& call, const Argument& argument) {
  const Node& node = plain(call, argument);
  const List one{node};
  std::vector<std::string> texts;
  for (const auto& item : node.is_list() ? node.as_list() : one) {
    if (!is_text(item)) call.fail("takes patterns such as 'hash_*'.", argument.column);
    texts.push_back(std::get<std::string>(item.value()));
  }
  return texts;
}

Element glob(const Call& call) {
  check_names(call, "exclude");
  Element element;
  element.kind = Kind::glob;
  for (const auto& argument : call.arguments) {
    auto& list = argument.name.empty() ? element.glob.include : element.glob.exclude;
    if (!list.empty()) call.fail("takes one pattern or one list of them.", argument.column);
    list = patterns(call, argument);
  }
  if (element.glob.include.empty()) call.fail("needs a pattern, as in glob(*) or glob([a*,b*]).");
  return element;
}

Element extend_list(const Call& call) {
  check_names(call);
  if (call.arguments.empty()) call.fail("needs at least one element to append.");
  Element element;
  element.kind = Kind::extend_list;
  element.values.emplace_back(positional(call));
  return element;
}

// A string counts as what it would be without quotes; null where even that fails.
Node::Value unquoted(const Node& node) {
  if (!node.as_string()) return node.value();
  try {
    return typed_scalar(*node.as_string());
  } catch (const Error&) {
    return std::monostate{};
  }
}

// int, float or bool of a scalar, as in Hydra: strings only in the form of what is asked for.
Node::Value converted(const std::string& to, const Node& node) {
  const Node::Value value = unquoted(node);
  const auto* boolean = std::get_if<bool>(&value);
  const auto* integer = std::get_if<std::int64_t>(&value);
  const auto* real = std::get_if<double>(&value);
  const bool typed = !node.as_string();
  if (to == "bool") {
    if (boolean) return *boolean;
    if (typed && integer) return *integer != 0;
    if (typed && real) return *real != 0;
  } else if (to == "int") {
    if (integer) return *integer;
    if (typed && boolean) return std::int64_t{*boolean};
    if (typed && real && std::abs(*real) < 0x1p63) return static_cast<std::int64_t>(*real);
  } else {
    if (real) return *real;
    if (integer) return static_cast<double>(*integer);
    if (typed && boolean) return static_cast<double>(*boolean);
  }
  return {};
}

Node cast(const Call& call, const Node& node, std::size_t column) {
  if (call.name == "json_str") return Node(to_json(node));
  if (node.is_list()) {
    List list;
    for (const auto& item : node.as_list()) list.push_back(cast(call, item, column));
    return Node(std::move(list));
  }
  if (node.is_map()) {
    Node map = Node::map();
    for (const auto& [key, child] : node.as_map()) map.set(key, cast(call, child, column));
    return map;
  }
  if (call.name == "str") return Node(node.plain_text());
  Node::Value result = converted(call.name, node);
  if (!std::holds_alternative<std::monostate>(result)) return result;
  const auto* expected = call.name == "bool" ? "true, false or a number." : call.name == "int" ? "an integer." : "a number.";
  call.fail("cannot read " + node.text() + "; expected " + expected, column);
}

Element cast_argument(const Call& call) {
  check_names(call);
  if (call.arguments.empty()) call.fail("takes a value, several, or a sweep of values.");
  if (call.arguments.size() > 1) {  // of each: a simple sweep
    auto values = positional(call);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = cast(call, values[i], call.arguments[i].column);
    return sweep(std::move(values));
  }
  Element element = call.arguments[0].element;
  if (element.kind != Kind::value && element.kind != Kind::sweep) {
    call.fail("takes a value or a sweep of values.", element.column);
  }
  for (Node& node : element.values) node = cast(call, node, call.arguments[0].column);
  return element;
}

Element range(const Call& call) { return sweep(decimal_range(call)); }
Element spaced(const Call& call) { return sweep(spaced_values(call)); }

Element interval(const Call& call) {
  call.fail("is a search space for an optimiser; a grid needs values: choice(...) or range(...).");
}

// Words for a sweeper that searches; a grid takes the sweep behind them.
Element tag(const Call& call) {
  check_names(call, "sweep");
  const auto* last = named(call, "sweep");
  if (last == nullptr && !call.arguments.empty()) last = &call.arguments.back();
  if (last == nullptr || last->element.kind != Kind::sweep) call.fail("takes words and a sweep, as in tag(a,b,choice(1,2)).");
  for (const auto& argument : call.arguments) {
    if (&argument != last) static_cast<void>(plain(call, argument));
  }
  return last->element;
}

struct Function {
  std::string_view name;
  Element (*evaluate)(const Call&);
};

constexpr std::array kSweepFunctions{Function{"choice", choice},
                                Function{"range", range},
                                Function{"logspace", spaced},
                                Function{"linspace", spaced},
                                Function{"glob", glob},
                                Function{"sort", sort},
                                Function{"shuffle", shuffle},
                                Function{"extend_list", extend_list},
                                Function{"int", cast_argument},
                                Function{"float", cast_argument},
                                Function{"bool", cast_argument},
                                Function{"str", cast_argument},
                                Function{"json_str", cast_argument},
                                Function{"interval", interval},
                                Function{"tag", tag}};

}  // namespace

Element evaluate(const Call& call) {
  std::vector<std::string> names{"zip"};
  for (const auto& function : kSweepFunctions) {
    if (function.name == call.name) return function.evaluate(call);
    names.emplace_back(function.name);
  }
  call.parser.fail("unknown function '" + call.name + "'." + did_you_mean(call.name, names) +
                       " A value with brackets goes in quotes.",
                   call.column);
}

}  // namespace attnlab::config
