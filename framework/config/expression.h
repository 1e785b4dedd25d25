/// expression.h: arithmetic and conditions, for `${eval:...}` and its like, and for --where.
///   Python's operators and precedence: or and not, == != < <= > >= in (chained as well), + - * /
///   // % **, brackets, [lists], quotes and calls of the functions below; also || && and !. Whole
///   numbers stay whole where the result is: 8/2 is 4. Thread safety: all free functions.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "framework/config/node.h"

namespace attnlab::config {

/// A value, or nothing where it does not apply: then neither does what is made of it, except that
/// `false and X` is false and `true or X` true.
using Operand = std::optional<Node>;

/// What a name stands for. `as_text`: where it is none, its text may stand for itself (the right
/// side of a comparison). Throws Error.
using Lookup = std::function<Operand(const std::string& name, bool as_text)>;

struct ExpressionOptions {
  Lookup lookup;              // empty: there are no names
  bool dotted_names = false;  // letters of a name are also . / and - within; operators - and / are
                              // then written with blanks around
};

/// Read once, computed as often as there are values for its names. Copies share what was read.
class Expression {
 public:
  /// Throws Error, with the place, for what cannot be read. `dotted_names`: as below.
  explicit Expression(std::string text, bool dotted_names = false);
  /// Throws Error for what cannot be computed. A name is looked up once. Empty lookup: there are no names.
  [[nodiscard]] Operand value(const Lookup& lookup) const;
  struct Body;

 private:
  std::shared_ptr<const Body> body_;
};

/// Both at once.
[[nodiscard]] Operand evaluate_expression(std::string_view text, const ExpressionOptions& options);

/// add sub mul div floordiv mod pow, neg abs int float round floor ceil sqrt exp log log2, min max
/// sum len, eq ne lt le gt ge, and or not if. div of whole numbers is whole where it comes out
/// even; floordiv and mod round down, as in Python. Strings that look like numbers count as such.
[[nodiscard]] Node apply_function(const std::string& name, const std::vector<Node>& arguments);
[[nodiscard]] std::vector<std::string> function_names();

}  // namespace attnlab::config
