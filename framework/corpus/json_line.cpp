#include "framework/corpus/json_line.h"

#include "framework/core/utf8.h"
#include "framework/corpus/json_cursor.h"

namespace attnlab::corpus {
namespace {

constexpr std::string_view kParagraphs = "\n\n";  // between the parts of a list

/// The value of "text". False when it is of another kind; JsonCursor::Refused when it is no JSON.
bool read_text(JsonCursor& cursor, std::string* buffer, std::string_view& found) {
  if (buffer != nullptr) buffer->clear();
  if (cursor.peek() == '"') {
    found = cursor.string(buffer);
    return true;
  }
  if (cursor.peek() != '[') {
    cursor.skip_value();
    return false;
  }
  bool all_strings = true, first = true;
  cursor.each_element([&] {
    if (cursor.peek() != '"') {
      all_strings = false;
      cursor.skip_value();
      return;
    }
    if (buffer != nullptr && !first) *buffer += kParagraphs;
    first = false;
    // A string without escapes is not copied by itself.
    const auto before = buffer != nullptr ? buffer->size() : 0;
    const auto part = cursor.string(buffer);
    if (buffer != nullptr && buffer->size() == before) *buffer += part;
  });
  if (buffer != nullptr) found = *buffer;
  return all_strings;
}

}  // namespace

bool JsonLine::read(std::string_view line, bool keep) try {
  if (!text::is_utf8(line)) throw JsonCursor::Refused{"not UTF-8"};
  JsonCursor cursor(line);
  std::string* const buffer = keep ? &text_ : nullptr;
  enum { none, good, other } state = none;
  if (cursor.peek() == '"') {
    if (keep) text_.clear();
    found_ = cursor.string(buffer);
    state = good;
  } else if (cursor.peek() == '{') {
    cursor.each_member(key_, [&](std::string_view key) {
      if (key == "text") {
        state = read_text(cursor, buffer, found_) ? good : other;
      } else {
        cursor.skip_value();
      }
    });
  } else {
    cursor.skip_value();
    cursor.end();
    throw JsonCursor::Refused{"expected an object or a string"};
  }
  cursor.end();
  if (state == none) throw JsonCursor::Refused{"no key \"text\""};
  if (state == other) throw JsonCursor::Refused{"\"text\" is neither a string nor a list of them"};
  return true;
} catch (const JsonCursor::Refused& refused) {
  problem_ = refused.reason;
  return false;
}

std::optional<std::string_view> JsonLine::text_of(std::string_view line) {
  if (!read(line, true)) return std::nullopt;
  return found_;
}

bool JsonLine::has_text(std::string_view line) { return read(line, false); }

}  // namespace attnlab::corpus
