#include "framework/config/override_word.h"

#include "framework/config/scalar.h"
#include "framework/core/error.h"

namespace attnlab::config {
namespace {

bool contains(std::string_view letters, char c) { return letters.find(c) != letters.npos; }

bool is_word_letter(char c) {
  return is_letter(c) || is_digit(c) || static_cast<unsigned char>(c) >= 128 ||
         contains("/-\\+.$%*@?|", c);
}

void read_key_part(OverrideCursor& cursor) {
  const char first = cursor.peek();
  if (is_digit(first)) {  // index of a list
    while (is_digit(cursor.peek())) cursor.next();
    return;
  }
  if (!is_letter(first) && first != '$') {
    cursor.fail("expected a key here, such as 'train.steps' or 'attention'.");
  }
  while (is_letter(cursor.peek()) || is_digit(cursor.peek()) ||
         (!cursor.at_end() && contains("$-", cursor.peek()))) {
    cursor.next();
  }
}

// "${...}" with its inner braces, as text: compose resolves it later.
void read_interpolation(OverrideCursor& cursor) {
  const std::size_t begin = cursor.at();
  cursor.take_letters(2);
  for (std::size_t open = 1; open > 0;) {
    if (cursor.at_end()) cursor.fail("'${' is not closed; expected '}'.", begin);
    const char c = cursor.next();
    if (c == '{') ++open;
    if (c == '}') --open;
  }
}

struct Word {
  std::string text;
  bool escaped = false;  // then it is a string whatever it looks like
};

Word read_letters(OverrideCursor& cursor, bool is_dict_key) {
  Word word;
  std::size_t kept = 0;  // beyond it there are only blanks
  while (!cursor.at_end()) {
    const char c = cursor.peek();
    if (c == '\\' && cursor.peek(1) != '\0' && contains("\\()[]{}:=, \t", cursor.peek(1))) {
      cursor.next();
      word.text += cursor.next();
      word.escaped = true;
    } else if (c == '$' && cursor.peek(1) == '{' && !is_dict_key) {
      const std::size_t begin = cursor.at();
      read_interpolation(cursor);
      word.text += cursor.since(begin);
    } else if (is_word_letter(c) || (c == ':' && !is_dict_key)) {
      word.text += cursor.next();
    } else if (c == ' ' || c == '\t') {
      word.text += cursor.next();
      continue;
    } else {
      break;
    }
    kept = word.text.size();
  }
  word.text.resize(kept);
  return word;
}

}  // namespace

std::string read_key(OverrideCursor& cursor) {
  const std::size_t begin = cursor.at();
  read_key_part(cursor);
  const char separator = cursor.peek();
  if (separator == '.' || separator == '/') {
    while (cursor.take(separator)) read_key_part(cursor);
  } else if (is_digit(cursor.since(begin)[0])) {
    cursor.fail("a key begins with a letter, not with a digit.", begin);
  }
  return std::string(cursor.since(begin));
}

std::string read_quoted(OverrideCursor& cursor) {
  const std::size_t begin = cursor.at();
  const char quote = cursor.next();
  std::string text;
  while (true) {
    std::size_t backslashes = 0;
    while (cursor.take('\\')) ++backslashes;
    if (cursor.at_end()) {
      cursor.fail(std::string("the quote is not closed; expected ") + quote + " at the end.",
                  begin);
    }
    const char c = cursor.next();
    if (c != quote) {
      text.append(backslashes, '\\') += c;
      continue;
    }
    text.append(backslashes / 2, '\\');
    if (backslashes % 2 == 0) return text;
    text += quote;
  }
}

Node::Value read_word(OverrideCursor& cursor) {
  const std::size_t begin = cursor.at();
  const Word word = read_letters(cursor, false);
  if (word.text.empty()) cursor.fail_unexpected("a value");
  if (word.escaped) return word.text;
  try {
    return typed_scalar(word.text);
  } catch (const Error& error) {
    cursor.fail(error.what(), begin);
  }
}

std::string read_dict_key(OverrideCursor& cursor) {
  if (cursor.peek() == '\'' || cursor.peek() == '"') return read_quoted(cursor);
  const Word word = read_letters(cursor, true);
  if (word.text.empty()) cursor.fail_unexpected("a key of the dict");
  return word.text;
}

}  // namespace attnlab::config
