#include "framework/config/expression.h"

#include <algorithm>
#include <array>
#include <cctype>

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

class Expression {
 public:
  Expression(std::string_view text, const ExpressionOptions& options)
      : text_(text), options_(options) {}

  Operand whole() {
    Operand result = alternatives();
    skip_blanks();
    if (at_ < text_.size()) fail("unexpected '" + std::string(1, text_[at_]) + "'");
    return result;
  }

 private:
  // A name that is not looked up before it is known which side of a comparison it stands on.
  struct Term {
    Operand value;
    std::string name;
  };

  Operand alternatives() {
    Operand result = conditions();
    while (word("or") || sign("||")) result = joined(true, result, &Expression::conditions);
    return result;
  }

  Operand conditions() {
    Operand result = condition();
    while (word("and") || sign("&&")) result = joined(false, result, &Expression::condition);
    return result;
  }

  // What no longer counts is read, but names in it need not be known: `a==none or b>1`.
  Operand joined(bool decisive, const Operand& left, Operand (Expression::*next)()) {
    const bool decided = is(left, decisive);
    unused_ += decided ? 1 : 0;
    Operand right = (this->*next)();
    unused_ -= decided ? 1 : 0;
    if (decided) return left;
    return is(right, decisive) || (left && right) ? right : std::nullopt;
  }

  bool is(const Operand& operand, bool expected) {
    if (!operand || unused_ > 0) return false;
    return std::get<bool>(apply_function("and", {*operand}).value()) == expected;
  }

  Operand condition() {
    const Guard guard(*this);
    skip_blanks();
    if (word("not") || (peek(1) != '=' && sign("!"))) {
      const Operand inner = condition();
      return inner ? apply("not", {*inner}) : std::nullopt;
    }
    return comparison();
  }

  Operand comparison() {
    Term left = sum();
    Operand result;
    bool compared = false;
    while (true) {
      const std::size_t begin = at_;
      const char* name = take(kComparisons);
      const bool negated = name == nullptr && word("not");
      const bool within = name == nullptr && word("in");
      if (name == nullptr && !within) {
        at_ = begin;
        break;
      }
      Term right = sum();
      const Operand a = looked_up(left, false), b = looked_up(right, true);
      Operand one;
      if (a && b) one = within ? Operand(is_in(*a, *b) != negated) : apply(name, {*a, *b});
      result = !compared ? one : result && one ? apply("and", {*result, *one}) : std::nullopt;
      compared = true;
      left = std::move(right);
    }
    return compared ? result : looked_up(left, false);
  }

  bool is_in(const Node& value, const Node& all) {
    if (!all.is_list()) fail("'in' takes a list, as in [1,2]");
    const auto is_number = [](const Node& node) {
      return node.type_name() == "integer" || node.type_name() == "real";
    };
    return std::ranges::any_of(all.as_list(), [&](const Node& each) {
      const bool comparable =
          each.value().index() == value.value().index() || (is_number(each) && is_number(value));
      return comparable && is(apply("eq", {value, each}), true);
    });
  }

  Term sum() { return chain(kSums, &Expression::product); }
  Term product() { return chain(kProducts, &Expression::factor); }

  template <std::size_t N>
  Term chain(const std::array<Sign, N>& signs, Term (Expression::*next)()) {
    Term left = (this->*next)();
    while (const char* name = take(signs)) left = combined(name, left, (this->*next)());
    return left;
  }

  Term combined(const char* name, const Term& left, const Term& right) {
    const Operand a = looked_up(left, false), b = looked_up(right, false);
    return {a && b ? apply(name, {*a, *b}) : std::nullopt, ""};
  }

  Term factor() {
    const Guard guard(*this);
    if (sign("-")) {
      const Operand inner = looked_up(factor(), false);
      return {inner ? apply("neg", {*inner}) : std::nullopt, ""};
    }
    Term base = atom();
    if (!sign("**")) return base;  // before `*` is looked for
    return combined("pow", base, factor());
  }

  Term atom() {
    skip_blanks();
    const char c = peek();
    if (c == '\'' || c == '"') return {quoted(), ""};
    if (c == '[' || c == '(') return brackets();
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_name_letter(begin)) ++at_;
    std::string name(text_.substr(begin, at_ - begin));
    if (name.empty())
      fail(c == '\0' ? "it ends too early" : "unexpected '" + std::string(1, c) + "'");
    if (peek() == '(') {
      ++at_;
      List arguments = items(')');
      return {complete_ ? apply(name, arguments) : std::nullopt, ""};
    }
    Node::Value value = typed_scalar(name);
    if (std::holds_alternative<std::string>(value)) return {std::nullopt, name};
    return {Node(std::move(value)), ""};
  }

  // Letters, digits and _; a sign within a number's exponent; with dotted names also . / and -.
  [[nodiscard]] bool is_name_letter(std::size_t begin) const {
    const char c = text_[at_];
    if (is_identifier_letter(c) || c == '.') return true;
    if (options_.dotted_names && (c == '/' || c == '-')) return at_ > begin || c == '/';
    const bool exponent = at_ > begin && (text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E');
    const bool number =
        std::isdigit(static_cast<unsigned char>(text_[begin])) != 0 || text_[begin] == '.';
    return (c == '-' || c == '+') && exponent && number && at_ + 1 < text_.size() &&
           std::isdigit(static_cast<unsigned char>(text_[at_ + 1])) != 0;
  }

  Term brackets() {
    const Guard guard(*this);
    const char open = text_[at_++];
    if (open == '[') {
      List list = items(']');
      return {complete_ ? Operand(Node(std::move(list))) : std::nullopt, ""};
    }
    Operand inner = alternatives();
    if (!sign(")")) fail("expected ')'");
    return {std::move(inner), ""};
  }

  // Up to the closing bracket; names stand for themselves where they are none. complete_: all
  // apply.
  List items(char closing) {
    List list;
    bool all = true;
    if (!sign(std::string_view(&closing, 1))) {
      do {
        const std::size_t begin = at_;
        Term term = sum();
        skip_blanks();
        Operand value;
        if (peek() == ',' || peek() == closing) {
          value = looked_up(term, true);
        } else {  // an argument may be a condition
          at_ = begin;
          value = alternatives();
        }
        if (value) list.push_back(std::move(*value));
        all = all && value;
      } while (sign(","));
      if (!sign(std::string_view(&closing, 1))) fail(std::string("expected '") + closing + "'");
    }
    complete_ = all;
    return list;
  }

  Node quoted() {
    const char quote = text_[at_++];
    const auto end = text_.find(quote, at_);
    if (end == text_.npos) fail("the quote is not closed");
    const std::string inner(text_.substr(at_, end - at_));
    at_ = end + 1;
    return Node(inner);
  }

  Operand looked_up(const Term& term, bool as_text) {
    if (term.name.empty() || unused_ > 0) return term.value;
    if (options_.lookup) return options_.lookup(term.name, as_text);
    if (as_text) return Node(term.name);
    fail("unknown name '" + term.name + "'; a key is written ${" + term.name + "}");
  }

  Operand apply(const std::string& name, const std::vector<Node>& arguments) {
    if (unused_ > 0) return std::nullopt;
    return apply_function(name, arguments);
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
    explicit Guard(Expression& expression) : depth(expression.depth_) {
      if (++depth > kDeepestExpression) expression.fail("nested too deeply");
    }
    ~Guard() { --depth; }
    int& depth;
  };

  std::string_view text_;
  const ExpressionOptions& options_;
  std::size_t at_ = 0;
  int depth_ = 0;
  int unused_ = 0;        // above 0: what is read decides nothing
  bool complete_ = true;  // of the last items()
};

}  // namespace

Operand evaluate_expression(std::string_view text, const ExpressionOptions& options) {
  return Expression(text, options).whole();
}

}  // namespace attnlab::config
