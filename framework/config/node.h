/// node.h: a composed configuration tree that remembers where every value came from.
///   Plain values only; YAML stays in yaml.cpp, so plugins include this without yaml-cpp.
///   Thread safety: as of a std::vector; copies that share a map are independent of each other.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace attnlab::config {

/// Where a value was set: a file and line, or the command line ("override 'a.b=3'"). Cheap to copy:
/// all values of a file or an override share the text.
class Origin {
 public:
  Origin() = default;
  /// `line` is 1-based; 0 when the source has no lines. A source beyond 200 letters is shortened.
  Origin(std::string source, int line = 0);
  [[nodiscard]] Origin at(int line) const;
  [[nodiscard]] int line() const { return line_; }
  [[nodiscard]] std::string text() const;   // "configs/x.yaml:7" or "override 'a.b=3'"
  [[nodiscard]] std::string place() const;  // the same and ": ", or "" where nothing is known

 private:
  std::shared_ptr<const std::string> source_;
  int line_ = 0;
};

class Node;
using List = std::vector<Node>;
using Map = std::vector<std::pair<std::string, Node>>;  // in order of first appearance, keys unique

/// The entries of a map; copies share them until one is changed. Large ones have an index.
class SharedMap {
 public:
  SharedMap() = default;
  explicit SharedMap(Map entries);

 private:
  friend class Node;
  struct Body;
  Body& own();
  std::shared_ptr<Body> body_;
};

/// null, bool, int, double, string, list or map.
class Node {
 public:
  using Value =
      std::variant<std::monostate, bool, std::int64_t, double, std::string, List, SharedMap>;

  Node() = default;
  Node(Value value, Origin origin = {}) : value_(std::move(value)), origin_(std::move(origin)) {}
  Node(Map map, Origin origin = {})
      : value_(SharedMap(std::move(map))), origin_(std::move(origin)) {}
  template <class Scalar>
  requires(std::is_same_v<Scalar, bool> || std::is_same_v<Scalar, std::int64_t> ||
           std::is_same_v<Scalar, double> || std::is_same_v<Scalar, std::string>)
      Node(Scalar value, Origin origin = {})
      : value_(std::move(value)), origin_(std::move(origin)) {}
  static Node map(Origin origin = {}) { return Node(SharedMap(), std::move(origin)); }

  /// Of a map: as_map().
  [[nodiscard]] const Value& value() const { return value_; }
  [[nodiscard]] const Origin& origin() const { return origin_; }
  void set_origin(Origin origin) { origin_ = std::move(origin); }

  /// How a number, boolean or null was written where that differs from text(): "1e5", "TRUE".
  [[nodiscard]] std::string spelling() const { return spelling_.empty() ? text() : spelling_; }
  void set_spelling(std::string_view written);

  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  [[nodiscard]] bool is_map() const { return std::holds_alternative<SharedMap>(value_); }
  [[nodiscard]] bool is_list() const { return std::holds_alternative<List>(value_); }
  /// The string, or null pointer.
  [[nodiscard]] const std::string* as_string() const { return std::get_if<std::string>(&value_); }
  [[nodiscard]] const Map& as_map() const;
  [[nodiscard]] Map& as_map();
  [[nodiscard]] const List& as_list() const { return std::get<List>(value_); }
  [[nodiscard]] List& as_list() { return std::get<List>(value_); }

  /// Whether both are maps that share their entries, so that they are equal for sure.
  [[nodiscard]] bool shares_entries(const Node& other) const;
  /// Direct child of a map, or null pointer.
  [[nodiscard]] const Node* find(std::string_view key) const;
  [[nodiscard]] Node* find(std::string_view key);
  /// Dotted path ("attention.buckets", list indices allowed), or null pointer.
  [[nodiscard]] const Node* find_path(std::string_view path) const;
  [[nodiscard]] Node* find_path(std::string_view path);
  /// Sets a direct child, appending it when absent. The node must be a map.
  void set(std::string_view key, Node child);
  void erase(std::string_view key);
  /// The direct children's names; none where this is no map.
  [[nodiscard]] std::vector<std::string> keys() const;

  /// "integer", "string", "list" ... for messages.
  [[nodiscard]] std::string_view type_name() const;
  /// The value as one would type it: `16`, `0.1`, `"a b"`, `[1,2]`, `{a:1}`. Reals as in Python.
  [[nodiscard]] std::string text() const;
  /// The string itself, else text().
  [[nodiscard]] std::string plain_text() const { return as_string() ? *as_string() : text(); }

 private:
  Value value_;
  Origin origin_;
  std::string spelling_;
};

/// JSON, keys in order. Numbers read back as the same value; nan and inf become strings.
/// With `indent` >= 0 a line for each value.
[[nodiscard]] std::string to_json(const Node& node, int indent = -1);
/// Throws Error with `source` and the place on malformed JSON.
[[nodiscard]] Node from_json(std::string_view text, const std::string& source);

}  // namespace attnlab::config
