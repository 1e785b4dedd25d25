#include "framework/config/expression.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "framework/config/expression_tree.h"
#include "framework/config/scalar.h"
#include "framework/core/error.h"

namespace attnlab::config {
namespace {

constexpr int kDeepestExpression = 100;

bool is_identifier_letter(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

struct Sign {
  std::string_view text;
  const char* function;
};

constexpr std::array kComparisons{Sign{"==", "eq"}, Sign{"!=", "ne"}, Sign{"<=", "le"},
                                  Sign{">=", "ge"}, Sign{"<", "lt"},  Sign{">", "gt"}};
constexpr std::array kSums{Sign{"+", "add"}, Sign{"-", "sub"}};
constexpr std::array kProducts{Sign{"//", "floordiv"}, Sign{"/", "div"}, Sign{"%", "mod"},
                               Sign{"*", "mul"}};

class Reading {
 public:
  Reading(std::string_view text, bool dotted_names, std::size_t& names)
      : text_(text), dotted_names_(dotted_names), names_(names) {}

  Tree whole() {
    Tree tree = alternatives();
    skip_blanks();
    if (at_ < text_.size()) fail("unexpected '" + std::string(1, text_[at_]) + "'");
    return tree;
  }

 private:
  // A list of operands and not a tree of pairs: a thousand of them are no deeper than two.
  Tree alternatives() {
    Tree first = conditions();
    while (word("or") || sign("||")) join(Tree::Kind::any_of, first, "or", conditions());
    return first;
  }

  Tree conditions() {
    Tree first = condition();
    while (word("and") || sign("&&")) join(Tree::Kind::all_of, first, "and", condition());
    return first;
  }

  Tree condition() {
    const Guard guard(*this);
    skip_blanks();
    if (word("not") || (peek(1) != '=' && sign("!"))) return call("not", {condition()});
    return comparison();
  }

  Tree comparison() {
    Tree left = sum();
    Tree all = node(Tree::Kind::comparison);
    while (true) {
      const std::size_t begin = at_;
      const char* name = take(kComparisons);
      const bool negated = name == nullptr && word("not");
      const bool within = name == nullptr && word("in");
      if (name == nullptr && !within) {
        at_ = begin;
        break;
      }
      Tree right = sum();
      if (all.parts.empty()) all.parts.push_back(std::move(left));
      if (within && right.kind == Tree::Kind::constant) right.members = Members::of(right.constant);
      all.functions.emplace_back(!within ? name : negated ? "not in" : "in");
      all.parts.push_back(std::move(right));
    }
    if (all.parts.empty()) return a_key(std::move(left));
    all.letter = at_ + 1;
    return all;
  }

  Tree sum() { return chain(kSums, &Reading::product); }
  Tree product() { return chain(kProducts, &Reading::factor); }

  template <std::size_t N>
  Tree chain(const std::array<Sign, N>& signs, Tree (Reading::*next)()) {
    Tree first = (this->*next)();
    bool alone = true;
    while (const char* name = take(signs)) {
      if (alone) first = call("", {a_key(std::move(first))}, Tree::Kind::chain);
      alone = false;
      first.functions.emplace_back(name);
      first.parts.push_back(a_key((this->*next)()));
    }
    return first;
  }

  Tree factor() {
    const Guard guard(*this);
    if (sign("-")) return call("neg", {a_key(factor())});
    Tree base = atom();
    if (!sign("**")) return base;  // before `*` is looked for
    return call("pow", {a_key(std::move(base)), a_key(factor())});
  }

  Tree atom() {
    skip_blanks();
    const char c = peek();
    if (c == '\'' || c == '"') return constant(quoted());
    if (c == '[' || c == '(') return brackets();
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_name_letter(begin)) ++at_;
    std::string name(text_.substr(begin, at_ - begin));
    if (name.empty())
      fail(c == '\0' ? "it ends too early" : "unexpected '" + std::string(1, c) + "'");
    if (peek() == '(') {
      ++at_;
      return call(name, items(')'));
    }
    Node::Value value = typed_scalar(name);
    if (!std::holds_alternative<std::string>(value)) return constant(Node(std::move(value)));
    Tree tree = node(Tree::Kind::name);
    tree.name = std::move(name);
    tree.number = names_++;
    return tree;
  }

  // Letters, digits and _; a sign within a number's exponent; with dotted names also . / and -.
  [[nodiscard]] bool is_name_letter(std::size_t begin) const {
    const char c = text_[at_];
    if (is_identifier_letter(c) || c == '.') return true;
    if (dotted_names_ && (c == '/' || c == '-')) return at_ > begin || c == '/';
    const bool exponent = at_ > begin && (text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E');
    const bool number =
        std::isdigit(static_cast<unsigned char>(text_[begin])) != 0 || text_[begin] == '.';
    return (c == '-' || c == '+') && exponent && number && at_ + 1 < text_.size() &&
           std::isdigit(static_cast<unsigned char>(text_[at_ + 1])) != 0;
  }

  Tree brackets() {
    const Guard guard(*this);
    const char open = text_[at_++];
    if (open == '[') return list(items(']'));
    Tree inner = alternatives();
    if (!sign(")")) fail("expected ')'");
    return inner;
  }

  // Up to the closing bracket; names stand for themselves where they are none.
  std::vector<Tree> items(char closing) {
    std::vector<Tree> all;
    if (sign(std::string_view(&closing, 1))) return all;
    do {
      const std::size_t begin = at_;
      Tree item = sum();
      skip_blanks();
      if (peek() != ',' && peek() != closing) {  // an argument may be a condition
        at_ = begin;
        item = alternatives();
      }
      item.letter = at_ + 1;
      all.push_back(std::move(item));
    } while (sign(","));
    if (!sign(std::string_view(&closing, 1))) fail(std::string("expected '") + closing + "'");
    return all;
  }

  Node quoted() {
    const char quote = text_[at_++];
    const auto end = text_.find(quote, at_);
    if (end == text_.npos) fail("the quote is not closed");
    const std::string inner(text_.substr(at_, end - at_));
    at_ = end + 1;
    return Node(inner);
  }

  [[nodiscard]] Tree node(Tree::Kind kind) const {
    Tree tree;
    tree.kind = kind;
    tree.letter = at_ + 1;
    return tree;
  }
  [[nodiscard]] Tree constant(Node value) const {
    Tree tree = node(Tree::Kind::constant);
    tree.constant = std::move(value);
    return tree;
  }
  [[nodiscard]] Tree call(const std::string& name, std::vector<Tree> parts, Tree::Kind kind = Tree::Kind::call) const {
    Tree tree = node(kind);
    tree.name = name;
    tree.parts = std::move(parts);
    return tree;
  }
  /// A list of constants is one.
  [[nodiscard]] Tree list(std::vector<Tree> parts) const {
    if (std::ranges::any_of(parts, [](const Tree& part) { return part.kind != Tree::Kind::constant; })) {
      return call("", std::move(parts), Tree::Kind::list);
    }
    List all;
    for (auto& part : parts) all.push_back(std::move(part.constant));
    return constant(Node(std::move(all)));
  }
  /// Nothing but a key: its text does not stand for itself.
  [[nodiscard]] Tree a_key(Tree tree) const {
    if (tree.kind != Tree::Kind::name) return tree;
    tree.key = true;
    tree.letter = at_ + 1;
    return tree;
  }
  static void join(Tree::Kind kind, Tree& first, const char* name, Tree next) {
    // `(a or b) or c` is not told from `a or b or c`: both are read from the left.
    if (first.kind != kind) {
      Tree tree;
      tree.kind = kind;
      tree.name = name;
      tree.letter = first.letter;
      tree.parts.push_back(std::move(first));
      first = std::move(tree);
    }
    first.parts.push_back(std::move(next));
  }

  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }
  bool sign(std::string_view expected) {
    skip_blanks();
    if (!text_.substr(at_).starts_with(expected)) return false;
    at_ += expected.size();
    return true;
  }
  bool word(std::string_view expected) {
    skip_blanks();
    if (!text_.substr(at_).starts_with(expected) || is_identifier_letter(peek(expected.size())))
      return false;
    at_ += expected.size();
    return true;
  }
  template <std::size_t N>
  const char* take(const std::array<Sign, N>& signs) {
    for (const auto& [text, function] : signs) {
      if (sign(text)) return function;
    }
    return nullptr;
  }

  [[noreturn]] void fail(const std::string& message) const {
    throw Error("cannot read '" + std::string(text_) + "': " + message + " at letter " +
                std::to_string(at_ + 1) + ".");
  }

  struct Guard {
    explicit Guard(Reading& reading) : depth(reading.depth_) {
      if (++depth > kDeepestExpression) reading.fail("nested too deeply");
    }
    ~Guard() { --depth; }
    int& depth;
  };

  std::string_view text_;
  bool dotted_names_;
  std::size_t& names_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Expression::Expression(std::string text, bool dotted_names) {
  auto body = std::make_shared<Body>();
  body->text = std::move(text);
  body->tree = Reading(body->text, dotted_names, body->names).whole();
  body_ = std::move(body);
}

}  // namespace attnlab::config
