/// override_value.h: the right-hand side of an override: elements and calls of functions.
#pragma once

#include <string>
#include <vector>

#include "framework/config/override.h"
#include "framework/config/override_cursor.h"

namespace attnlab::config {

/// One element: a plain value, or what a function made.
struct Element {
  enum class Kind { value, sweep, glob, extend_list, zip };
  Kind kind = Kind::value;
  std::vector<Node> values;  // one for value and extend_list (a list)
  Glob glob;
  std::vector<Override> zipped;
  std::size_t column = 0;  // where it begins
};

struct Argument {
  std::string name;  // empty when positional
  Element element;
  std::size_t column = 0;
};

struct Call {
  std::string name;
  std::vector<Argument> arguments;
  std::size_t column = 0;
  const OverrideCursor& cursor;  // for errors

  [[noreturn]] void fail(const std::string& message, std::size_t at) const;
  [[noreturn]] void fail(const std::string& message) const { fail(message, column); }
};

/// One element up to ',' or a closing bracket. Blanks around it are skipped.
[[nodiscard]] Element read_element(OverrideCursor& cursor, int depth = 0);

/// choice, range, glob, sort, shuffle, casts, extend_list; refuses others with the nearest name.
[[nodiscard]] Element evaluate(const Call& call);

/// start, stop, step: values from start, stop excluded, in decimal, so that 0.1 steps do not drift.
[[nodiscard]] std::vector<Node> decimal_range(const Call& call);

/// int, float, bool, str, json_str; `column` is where the argument stands.
[[nodiscard]] Node cast(const Call& call, const Node& node, std::size_t column);

}  // namespace attnlab::config
