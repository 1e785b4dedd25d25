/// json_cursor.h: a place in a line of JSON that moves forward; checks all it passes.
#pragma once

#include <string>
#include <string_view>

namespace attnlab::corpus {

class JsonCursor {
 public:
  /// Thrown for a line that is no JSON; caught in json_line.cpp.
  struct Refused {
    std::string reason;
  };

  /// `line` must be UTF-8.
  explicit JsonCursor(std::string_view line)
      : begin_(line.data()), at_(begin_), end_(begin_ + line.size()) {}

  /// The next byte that is no white space, which reading continues at; '\0' at the end.
  [[nodiscard]] char peek() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\r' || *at_ == '\n')) ++at_;
    return at_ == end_ ? '\0' : *at_;
  }

  /// A string, which must stand here. Without escapes it is a view into the line; else it is
  /// appended to `buffer`, of which it is then a view. Without a buffer it is only checked.
  std::string_view string(std::string* buffer);

  void skip_value();

  /// Calls `element()` at each value of the list that stands here; it must read that value.
  template <class Element>
  void each_element(Element&& element) {
    enter('[');
    for (bool first = true; !leave(']', first); first = false) element();
  }

  /// Calls `member(key)` at each value of the object that stands here; it must read that value.
  template <class Member>
  void each_member(std::string& buffer, Member&& member) {
    enter('{');
    for (bool first = true; !leave('}', first); first = false) {
      if (peek() != '"') refuse("a key");
      buffer.clear();
      const auto key = string(&buffer);
      expect(':');
      member(key);
    }
  }

  /// Nothing but white space may follow.
  void end() {
    if (peek() != '\0' || at_ != end_) refuse("the end of the line");
  }

 private:
  [[noreturn]] void refuse(const std::string& expected) const;
  void expect(char wanted);
  void enter(char bracket);
  bool leave(char bracket, bool first);  // also reads the comma between values
  void escape(std::string* buffer);
  char32_t four_digits();
  void number();
  void word(std::string_view wanted);
  void digits();

  const char* begin_;
  const char* at_;
  const char* end_;
  int depth_ = 0;
};

}  // namespace attnlab::corpus
