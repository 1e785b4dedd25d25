/// expression_tree.h: what the text of an expression is read into, once for all its values.
///   Not part of config's interface.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "framework/config/expression.h"

namespace attnlab::config {

/// The items of a list that stands in the text, so that `seed in [...]` searches none of a thousand.
class Members {
 public:
  /// Null where it is no list.
  [[nodiscard]] static std::shared_ptr<const Members> of(const Node& list);
  /// Whether one of the items equals the value.
  [[nodiscard]] bool have(const Node& value) const;

 private:
  std::unordered_set<std::int64_t> wholes_;
  std::unordered_set<double> as_reals_, reals_;  // the whole numbers again, and the others
  std::unordered_set<std::string> texts_;
  List others_;
};

struct Tree {
  enum class Kind { constant, name, list, call, chain, comparison, any_of, all_of };

  Kind kind = Kind::constant;
  Node constant;
  std::string name;        // of a name; of a call's function
  std::size_t number = 0;  // of a name, from 0 on
  bool key = false;        // of a name that never stands for its own text
  std::size_t letter = 0;  // of the text, from 1 on, for messages
  std::vector<Tree> parts;
  std::vector<std::string> functions;      // of a chain and a comparison: between its parts
  std::shared_ptr<const Members> members;  // of a constant list behind `in`
};

struct Expression::Body {
  std::string text;
  Tree tree;
  std::size_t names = 0;
};

[[nodiscard]] inline bool is_number(const Node& node) {
  return std::holds_alternative<std::int64_t>(node.value()) || std::holds_alternative<double>(node.value());
}

/// eq ne lt le gt ge. Throws Error for values that cannot be compared.
[[nodiscard]] bool compare(const std::string& function, const Node& a, const Node& b);

}  // namespace attnlab::config
