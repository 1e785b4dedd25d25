/// node.h: a composed configuration tree that remembers where every value came from.
///   Plain values only; YAML stays in yaml.cpp, so plugins include this without yaml-cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace attnlab::config {

/// Where a value was set: a file and line, or the command line ("override 'a.b=3'").
struct Origin {
  std::string source;
  int line = 0;  // 1-based; 0 when the source has no lines
  [[nodiscard]] std::string text() const;  // "configs/x.yaml:7" or "override 'a.b=3'"
};

class Node;
using List = std::vector<Node>;
using Map = std::vector<std::pair<std::string, Node>>;  // in order of first appearance, keys unique

/// null, bool, int, double, string, list or map.
class Node {
 public:
  using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Map>;

  Node() = default;
  Node(Value value, Origin origin = {}) : value_(std::move(value)), origin_(std::move(origin)) {}
  static Node map(Origin origin = {}) { return Node(Map{}, std::move(origin)); }

  [[nodiscard]] const Value& value() const { return value_; }
  [[nodiscard]] Value& value() { return value_; }
  [[nodiscard]] const Origin& origin() const { return origin_; }
  void set_origin(Origin origin) { origin_ = std::move(origin); }

  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  [[nodiscard]] bool is_map() const { return std::holds_alternative<Map>(value_); }
  [[nodiscard]] bool is_list() const { return std::holds_alternative<List>(value_); }
  [[nodiscard]] const Map& as_map() const { return std::get<Map>(value_); }
  [[nodiscard]] Map& as_map() { return std::get<Map>(value_); }
  [[nodiscard]] const List& as_list() const { return std::get<List>(value_); }
  [[nodiscard]] List& as_list() { return std::get<List>(value_); }

  /// Direct child of a map, or null pointer.
  [[nodiscard]] const Node* find(std::string_view key) const;
  [[nodiscard]] Node* find(std::string_view key);
  /// Dotted path ("attention.buckets", list indices allowed), or null pointer.
  [[nodiscard]] const Node* find_path(std::string_view path) const;
  [[nodiscard]] Node* find_path(std::string_view path);
  /// Sets a direct child, appending it when absent. The node must be a map.
  void set(std::string_view key, Node child);

  /// "integer", "string", "list" ... for messages.
  [[nodiscard]] std::string_view type_name() const;
  /// The value as one would type it: `16`, `0.1`, `"a b"`, `[1,2]`, `{a:1}`.
  [[nodiscard]] std::string text() const;

 private:
  Value value_;
  Origin origin_;
};

/// JSON, keys in order. Numbers read back as the same value; nan and inf become strings.
[[nodiscard]] std::string to_json(const Node& node, int indent = -1);
/// Throws Error with `source` and the place on malformed JSON.
[[nodiscard]] Node from_json(std::string_view text, const std::string& source);

}  // namespace attnlab::config
