// casts.cpp: int(), float(), bool(), str() and json_str() of the override grammar.
#include <cmath>

#include "framework/config/override_value.h"
#include "framework/config/scalar.h"
#include "framework/core/error.h"

namespace attnlab::config {
namespace {

// A string counts as what it would be without quotes; no value when even that fails.
Node::Value typed(const Node::Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (!text) return value;
  try {
    return typed_scalar(*text);
  } catch (const Error&) {
    return std::monostate{};
  }
}

Node::Value to_int(const Node& node) {
  const Node::Value value = typed(node.value());
  const bool was_text = std::holds_alternative<std::string>(node.value());
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  if (was_text) return {};
  if (const auto* boolean = std::get_if<bool>(&value)) return std::int64_t{*boolean};
  const auto* real = std::get_if<double>(&value);
  if (!real || !(std::abs(*real) < 0x1p63)) return {};
  return static_cast<std::int64_t>(*real);
}

Node::Value to_float(const Node& node) {
  const Node::Value value = typed(node.value());
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return double(*integer);
  const auto* boolean = std::get_if<bool>(&node.value());
  if (!boolean) return {};
  return double(*boolean);
}

Node::Value to_bool(const Node& node) {
  const Node::Value value = typed(node.value());
  if (const auto* boolean = std::get_if<bool>(&value)) return *boolean;
  if (std::holds_alternative<std::string>(node.value())) return {};
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer != 0;
  const auto* real = std::get_if<double>(&value);
  if (!real) return {};
  return *real != 0;
}

Node to_text(const Node& node) {
  return std::holds_alternative<std::string>(node.value()) ? node : Node(node.text());
}

Node scalar(const Call& call, const Node& node, std::size_t column) {
  if (call.name == "str") return to_text(node);
  Node::Value result;
  if (call.name == "int") result = to_int(node);
  if (call.name == "float") result = to_float(node);
  if (call.name == "bool") result = to_bool(node);
  if (std::holds_alternative<std::monostate>(result)) {
    const std::string expected = call.name == "int"     ? "an integer"
                                 : call.name == "float" ? "a number"
                                                        : "true, false or a number";
    call.fail("cannot read " + node.text() + "; expected " + expected + ".", column);
  }
  return result;
}

}  // namespace

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
  return scalar(call, node, column);
}

}  // namespace attnlab::config
