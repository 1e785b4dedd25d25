// functions.cpp: what expressions and resolvers compute.
#include <algorithm>
#include <array>
#include <cmath>

#include "framework/config/expression_tree.h"
#include "framework/config/scalar.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::config {
namespace {

__extension__ using Wide = __int128;
using Nodes = std::vector<Node>;
using Whole = std::int64_t;

bool is_whole(const Node& node) { return std::holds_alternative<Whole>(node.value()); }

// A string that looks like a number counts as one.
Node number(const Node& node) {
  Node typed = node.as_string() ? Node(typed_scalar(*node.as_string())) : node;
  if (!is_number(typed)) throw Error(node.text() + " is no number");
  return typed;
}
double real(const Node& node) {
  return is_whole(node) ? static_cast<double>(std::get<Whole>(node.value()))
                        : std::get<double>(node.value());
}
bool truth(const Node& node) {
  if (const auto* flag = std::get_if<bool>(&node.value())) return *flag;
  throw Error(node.text() + " is neither true nor false; expected a comparison or a boolean");
}

Node narrowed(Wide value) {
  if (value == static_cast<Whole>(value)) return static_cast<Whole>(value);
  throw Error("the result does not fit in 64 bits");
}
Node whole_of(double value) {
  if (std::abs(value) < 0x1p63) return static_cast<Whole>(value);
  throw Error(real_text(value) + " does not fit in 64 bits");
}

Node power(Wide base, Whole exponent) {
  Wide result = 1;
  for (Whole left = base == 0 || base == 1 || base == -1 ? exponent % 2 + 2 : exponent; left > 0;
       --left) {
    result = Wide{std::get<Whole>(narrowed(result * base).value())};
  }
  return exponent == 0 ? Node(Whole{1}) : narrowed(result);
}

// `/` and `%` of what rounds down, as in Python.
Node of_wholes(const std::string& name, Wide a, Wide b) {
  if (name == "add") return narrowed(a + b);
  if (name == "sub") return narrowed(a - b);
  if (name == "mul") return narrowed(a * b);
  if (name == "pow") return power(a, static_cast<Whole>(b));
  const Wide down = a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
  return narrowed(name == "mod" ? a - down * b : down);
}

Node of_reals(const std::string& name, double a, double b) {
  if (name == "add") return a + b;
  if (name == "sub") return a - b;
  if (name == "mul") return a * b;
  if (name == "pow") return std::pow(a, b);
  if (name == "div") return a / b;
  return name == "floordiv" ? std::floor(a / b) : a - b * std::floor(a / b);
}

Node arithmetic(const std::string& name, const Nodes& given) {
  Node result = number(given[0]);
  for (std::size_t i = 1; i < given.size(); ++i) {
    const Node next = number(given[i]);
    const bool divides = name == "div" || name == "floordiv" || name == "mod";
    if (divides && real(next) == 0) throw Error("division by 0");
    bool whole = is_whole(result) && is_whole(next);
    if (whole && name == "pow") whole = std::get<Whole>(next.value()) >= 0;
    if (whole && name == "div") {
      whole = Wide{std::get<Whole>(result.value())} % std::get<Whole>(next.value()) == 0;
    }
    result = whole ? of_wholes(name, std::get<Whole>(result.value()), std::get<Whole>(next.value()))
                   : of_reals(name, real(result), real(next));
  }
  return result;
}

Node rounded(const std::string& name, const Nodes& given) {
  const Node node = number(given[0]);
  if (is_whole(node)) return node;
  const double value = real(node);
  return whole_of(name == "int"     ? std::trunc(value)
                  : name == "floor" ? std::floor(value)
                  : name == "ceil"  ? std::ceil(value)
                                    : std::nearbyint(value));
}

Node analytic(const std::string& name, const Nodes& given) {
  const double value = real(number(given[0]));
  const double result = name == "float"  ? value
                        : name == "sqrt" ? std::sqrt(value)
                        : name == "exp"  ? std::exp(value)
                        : name == "log2" ? std::log2(value)
                                         : std::log(value);
  if (std::isnan(result)) throw Error(name + " of " + given[0].text() + " is no number");
  return result;
}

// Below 0, 0 or above 0; nothing for NaN.
std::partial_ordering order(const Node& a, const Node& b) {
  if (!is_whole(a) || !is_whole(b)) return real(a) <=> real(b);
  return std::get<Whole>(a.value()) <=> std::get<Whole>(b.value());
}

Node compared(const std::string& name, const Nodes& given) { return compare(name, given[0], given[1]); }

// min, max and sum take numbers or one list of them.
Node of_all(const std::string& name, const Nodes& given) {
  const Nodes& all = given.size() == 1 && given[0].is_list() ? given[0].as_list() : given;
  if (name == "sum") return all.empty() ? Node(Whole{0}) : arithmetic("add", all);
  if (all.empty()) throw Error(name + " of nothing");
  Node best = number(all[0]);
  for (const auto& each : all) {
    const Node next = number(each);
    if (name == "min" ? order(next, best) < 0 : order(next, best) > 0) best = next;
  }
  return best;
}

Node length(const std::string&, const Nodes& given) {
  const Node& node = given[0];
  if (!node.as_string() && !node.is_list()) throw Error(node.text() + " has no length");
  return static_cast<Whole>(node.is_list() ? node.as_list().size() : node.as_string()->size());
}

Node logical(const std::string& name, const Nodes& given) {
  if (name == "not") return !truth(given[0]);
  if (name == "if") return truth(given[0]) ? given[1] : given[2];
  bool any = false, all = true;
  for (const auto& each : given) (truth(each) ? any : all) = truth(each);
  return name == "or" ? any : all;
}

Node sign(const std::string& name, const Nodes& given) {
  const Node node = number(given[0]);
  return name == "abs" && real(node) >= 0 ? node : arithmetic("mul", {Node(Whole{-1}), node});
}

constexpr std::size_t kMany = 1000;

struct Functions {
  std::string_view names;   // with blanks around
  std::size_t least, most;  // arguments
  Node (*call)(const std::string& name, const Nodes& given);
};

constexpr std::array kFunctions{Functions{" add mul ", 1, kMany, arithmetic},
                                Functions{" sub div floordiv mod pow ", 2, 2, arithmetic},
                                Functions{" neg abs ", 1, 1, sign},
                                Functions{" int round floor ceil ", 1, 1, rounded},
                                Functions{" float sqrt exp log log2 ", 1, 1, analytic},
                                Functions{" min max sum ", 1, kMany, of_all},
                                Functions{" len ", 1, 1, length},
                                Functions{" eq ne lt le gt ge ", 2, 2, compared},
                                Functions{" and or ", 1, kMany, logical},
                                Functions{" not ", 1, 1, logical},
                                Functions{" if ", 3, 3, logical}};

}  // namespace

std::vector<std::string> function_names() {
  std::vector<std::string> all;
  for (const auto& functions : kFunctions) {
    for (auto& name : split(functions.names, ' ')) {
      if (!name.empty()) all.push_back(std::move(name));
    }
  }
  return all;
}

bool compare(const std::string& function, const Node& a, const Node& b) {
  if (is_number(a) && is_number(b)) {
    const auto way = order(a, b);
    return function == "eq"   ? way == 0
           : function == "ne" ? way != 0
           : function == "lt" ? way < 0
           : function == "le" ? way <= 0
           : function == "gt" ? way > 0
                              : way >= 0;
  }
  if ((function != "eq" && function != "ne") || a.value().index() != b.value().index() || a.is_map()) {
    throw Error("cannot compare " + a.text() + " (" + std::string(a.type_name()) + ") with " +
                b.text() + " (" + std::string(b.type_name()) + ")" +
                "; expected two numbers, or equal types and == or !=.");
  }
  const bool same = a.as_string() ? *a.as_string() == *b.as_string() : a.text() == b.text();
  return same == (function == "eq");
}

Node apply_function(const std::string& name, const std::vector<Node>& arguments) {
  for (const auto& [names, least, most, call] : kFunctions) {
    const bool one = !name.empty() && name.find(' ') == name.npos;
    if (!one || names.find(" " + name + " ") == names.npos) continue;
    if (arguments.size() >= least && arguments.size() <= most) return call(name, arguments);
    throw Error(name + " takes " + std::to_string(least) + (most == least ? "" : " or more") +
                " arguments; found " + std::to_string(arguments.size()));
  }
  throw Error("there is no function '" + name + "'." + did_you_mean(name, function_names()));
}

}  // namespace attnlab::config
