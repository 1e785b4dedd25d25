// expression_value.cpp: the value of an expression that was read.
#include <algorithm>

#include "framework/config/expression_tree.h"
#include "framework/core/error.h"

namespace attnlab::config {
namespace {

bool is_item(const Node& value, const List& all) {
  return std::ranges::any_of(all, [&](const Node& each) {
    const bool comparable = each.value().index() == value.value().index() || (is_number(each) && is_number(value));
    return comparable && compare("eq", value, each);
  });
}

class Evaluation {
 public:
  Evaluation(const std::string& text, std::size_t names, const Lookup& lookup)
      : text_(text), lookup_(lookup), known_(2 * names) {}

  Operand copied(const Tree& tree) {
    Operand room;
    const Node* found = value(tree, false, room);
    return found == nullptr || room ? std::move(room) : Operand(*found);
  }

 private:
  /// In `room` unless it stands somewhere already; null where nothing applies.
  const Node* value(const Tree& tree, bool as_text, Operand& room) {
    if (tree.kind == Tree::Kind::constant) return &tree.constant;
    if (tree.kind == Tree::Kind::name) return looked_up(tree, as_text && !tree.key);
    room = computed(tree);
    return room ? &*room : nullptr;
  }

  const Node* looked_up(const Tree& tree, bool as_text) {
    auto& known = known_[2 * tree.number + (as_text ? 1 : 0)];
    if (!known) {
      if (lookup_) {
        known = lookup_(tree.name, as_text);
      } else if (as_text) {
        known = Node(tree.name);
      } else {
        fail("unknown name '" + tree.name + "'; a key is written ${" + tree.name + "}", tree);
      }
    }
    return *known ? &**known : nullptr;
  }

  Operand computed(const Tree& tree) {
    switch (tree.kind) {
      case Tree::Kind::any_of:
        return operand(joined(tree, true));
      case Tree::Kind::all_of:
        return operand(joined(tree, false));
      case Tree::Kind::comparison:
        return operand(compared(tree));
      case Tree::Kind::chain:
        return chained(tree);
      default:
        break;
    }
    List parts;
    bool all = true;  // of them apply
    for (const auto& part : tree.parts) {
      Operand room;
      const Node* item = value(part, true, room);
      if (item != nullptr) parts.push_back(*item);
      all = all && item != nullptr;
    }
    if (!all) return std::nullopt;
    return tree.kind == Tree::Kind::list ? Node(std::move(parts)) : apply_function(tree.name, parts);
  }

  // What no longer counts is not looked at, so names in it need not be known: `a==none or b>1`.
  std::optional<bool> joined(const Tree& tree, bool decisive) {
    auto left = truth(tree.parts[0]);
    for (std::size_t i = 1; i < tree.parts.size() && left != decisive; ++i) {
      const auto right = truth(tree.parts[i]);
      left = right == decisive || left ? right : std::nullopt;
    }
    return left;
  }

  std::optional<bool> truth(const Tree& tree) {
    if (tree.kind == Tree::Kind::comparison) return compared(tree);
    Operand room;
    const Node* found = value(tree, false, room);
    if (found == nullptr) return std::nullopt;
    if (const auto* flag = std::get_if<bool>(&found->value())) return *flag;
    return std::get<bool>(apply_function("and", {*found}).value());  // says what it is
  }

  std::optional<bool> compared(const Tree& tree) {
    bool holds = true, applies = true;
    for (std::size_t i = 0; i < tree.functions.size(); ++i) {
      Operand left, right;
      const Node* a = value(tree.parts[i], false, left);
      const Node* b = value(tree.parts[i + 1], true, right);
      if (a == nullptr || b == nullptr) {
        applies = false;
      } else if (!is_true(tree, i, *a, *b)) {
        holds = false;
      }
    }
    return applies ? std::optional(holds) : std::nullopt;
  }

  static Operand operand(std::optional<bool> truth) { return truth ? Operand(Node(*truth)) : std::nullopt; }

  bool is_true(const Tree& tree, std::size_t at, const Node& a, const Node& b) {
    const auto& function = tree.functions[at];
    if (!function.ends_with("in")) return compare(function, a, b);
    if (!b.is_list()) fail("'in' takes a list, as in [1,2]", tree);
    const auto& members = tree.parts[at + 1].members;
    return (members ? members->have(a) : is_item(a, b.as_list())) == (function == "in");
  }

  Operand chained(const Tree& tree) {
    Operand left = copied(tree.parts[0]), right;
    for (std::size_t i = 0; i < tree.functions.size(); ++i) {
      const Node* next = value(tree.parts[i + 1], false, right);
      left = left && next != nullptr ? Operand(apply_function(tree.functions[i], {*left, *next})) : std::nullopt;
    }
    return left;
  }

  [[noreturn]] void fail(const std::string& message, const Tree& tree) const {
    throw Error("cannot read '" + text_ + "': " + message + " at letter " + std::to_string(tree.letter) + ".");
  }

  const std::string& text_;
  const Lookup& lookup_;
  std::vector<std::optional<Operand>> known_;  // by a name's number: as a key, as a text
};

}  // namespace

std::shared_ptr<const Members> Members::of(const Node& list) {
  if (!list.is_list()) return nullptr;
  auto members = std::make_shared<Members>();
  for (const auto& item : list.as_list()) {
    if (const auto* whole = std::get_if<std::int64_t>(&item.value())) {
      members->wholes_.insert(*whole);
      members->as_reals_.insert(static_cast<double>(*whole));
    } else if (const auto* real = std::get_if<double>(&item.value())) {
      members->reals_.insert(*real);
    } else if (const auto* text = item.as_string()) {
      members->texts_.insert(*text);
    } else {
      members->others_.push_back(item);
    }
  }
  return members;
}

bool Members::have(const Node& value) const {
  if (const auto* whole = std::get_if<std::int64_t>(&value.value())) {
    return wholes_.contains(*whole) || reals_.contains(static_cast<double>(*whole));
  }
  if (const auto* real = std::get_if<double>(&value.value())) return reals_.contains(*real) || as_reals_.contains(*real);
  if (const auto* text = value.as_string()) return texts_.contains(*text);
  return is_item(value, others_);
}

Operand Expression::value(const Lookup& lookup) const {
  return Evaluation(body_->text, body_->names, lookup).copied(body_->tree);
}

Operand evaluate_expression(std::string_view text, const ExpressionOptions& options) {
  return Expression(std::string(text), options.dotted_names).value(options.lookup);
}

}  // namespace attnlab::config
