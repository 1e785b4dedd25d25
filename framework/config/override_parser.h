/// override_parser.h: the text of an override, letter by letter, with errors that point at it.
///   Internal to config.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "framework/config/override.h"

namespace attnlab::config {

/// One element of a right-hand side: a plain value, or what a function made.
struct Element {
  enum class Kind { value, sweep, glob, extend_list, zip };
  Kind kind = Kind::value;
  std::vector<Node> values;  // one for value and extend_list (a list)
  Glob glob;
  std::vector<Override> zipped;
  std::size_t column = 0;  // where it begins
};

class OverrideParser;

struct Argument {
  std::string name;  // empty when positional
  Element element;
  std::size_t column = 0;
};

/// NAME(arguments), as the functions of the grammar take it.
struct Call {
  std::string name;
  std::vector<Argument> arguments;
  std::size_t column = 0;
  const OverrideParser& parser;  // for errors

  [[noreturn]] void fail(const std::string& message, std::size_t at) const;
  [[noreturn]] void fail(const std::string& message) const { fail(message, column); }
};

class OverrideParser {
 public:
  explicit OverrideParser(std::string_view text, std::string_view what = "override")
      : text_(text), what_(what) {}

  /// The whole text as an override.
  [[nodiscard]] Override override();
  /// The whole text as one plain value.
  [[nodiscard]] Node value();

  /// Throws Error: the message, the text, and a caret below the column.
  [[noreturn]] void fail(const std::string& message, std::size_t column) const;

 private:
  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
  /// The letter here or `ahead` letters further on; '\0', which no rule accepts, beyond the end.
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return ahead < text_.size() - at_ ? text_[at_ + ahead] : '\0';
  }
  bool take(char letter);
  std::string take_letters(std::size_t count);
  void skip_blanks();  // spaces and tabs
  [[nodiscard]] std::size_t name_before(char follower) const;
  [[noreturn]] void fail(const std::string& message) const { fail(message, at_); }
  [[noreturn]] void fail_unexpected(const std::string& expected) const;

  Override::Sign read_sign();
  std::string read_key();
  void read_key_part();
  void read_target(Override& override);
  void read_values(Override& override);
  std::string read_quoted();
  std::string read_letters(bool is_dict_key, bool& escaped);
  void read_interpolation();
  std::string read_dict_key();
  Node read_word();
  Node read_list(int depth);
  Node read_dict(int depth);
  Node read_plain(int depth);
  Element read_call(std::size_t name_length, int depth);
  Argument read_argument(int depth);
  Override read_zipped(int depth);
  void check_zip(const std::vector<Override>& parts, std::size_t column) const;
  Element read_element(int depth = 0);
  template <class ReadItem>
  void read_items(char closing, const ReadItem& read_item);

  std::string_view text_, what_;
  std::size_t at_ = 0;
};

inline void Call::fail(const std::string& message, std::size_t at) const {
  parser.fail(name + "() " + message, at);
}

/// What the function makes of its arguments; refuses unknown names with the nearest.
[[nodiscard]] Element evaluate(const Call& call);

/// start, stop, step: values from start, stop excluded, in decimal, so that 0.1 steps do not drift.
[[nodiscard]] std::vector<Node> decimal_range(const Call& call);
/// logspace and linspace: `count` reals from start to stop, both included, at equal ratios or
/// steps.
[[nodiscard]] std::vector<Node> spaced_values(const Call& call);

}  // namespace attnlab::config
