#include "framework/config/node.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "framework/config/scalar.h"
#include "framework/core/text.h"

namespace attnlab::config {
namespace {

// Position of a list index, or the list's size when `word` is none.
std::size_t list_index(const List& list, std::string_view word) {
  std::size_t index = list.size();
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), index);
  return error == std::errc() && end == word.data() + word.size() ? index : list.size();
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  std::size_t backslashes = 0;  // a run of them before a quote is doubled, elsewhere kept
  for (const char letter : text) {
    if (letter == '"') out.append(backslashes + 1, '\\');
    out += letter;
    backslashes = letter == '\\' ? backslashes + 1 : 0;
  }
  return out.append(backslashes, '\\') + '"';
}

bool has_plain_letters(std::string_view text) {
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) || c >= 128 ||
           std::string_view("_-./+%@*?").find(static_cast<char>(c)) != std::string_view::npos;
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), plain);
}

bool is_plain_word(std::string_view text) { return has_plain_letters(text) && is_string(text); }

struct Text {
  std::string operator()(std::monostate) const { return "null"; }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const {
    const std::string text = exact_number(value);
    const bool reads_as_integer = text.find_first_not_of("-0123456789") == text.npos;
    return reads_as_integer ? text + ".0" : text;
  }
  std::string operator()(const std::string& value) const {
    return is_plain_word(value) ? value : quoted(value);
  }
  std::string operator()(const List& list) const {
    std::string text = "[";
    for (const auto& item : list) text += (text.size() > 1 ? "," : "") + item.text();
    return text + "]";
  }
  std::string operator()(const Map& map) const {
    std::string text = "{";
    for (const auto& [key, child] : map) {
      text += (text.size() > 1 ? "," : "") + (has_plain_letters(key) ? key : quoted(key)) + ":" +
              child.text();
    }
    return text + "}";
  }
};

}  // namespace

std::string Origin::text() const { return line > 0 ? source + ":" + std::to_string(line) : source; }

const Node* Node::find(std::string_view key) const {
  if (!is_map()) return nullptr;
  for (const auto& [name, child] : as_map()) {
    if (name == key) return &child;
  }
  return nullptr;
}

Node* Node::find(std::string_view key) { return const_cast<Node*>(std::as_const(*this).find(key)); }

const Node* Node::find_path(std::string_view path) const {
  const Node* node = this;
  for (const auto& word : split(path, '.')) {
    if (node->is_list()) {
      const auto& list = node->as_list();
      const std::size_t index = list_index(list, word);
      node = index < list.size() ? &list[index] : nullptr;
    } else {
      node = node->find(word);
    }
    if (!node) return nullptr;
  }
  return node;
}

Node* Node::find_path(std::string_view path) {
  return const_cast<Node*>(std::as_const(*this).find_path(path));
}

void Node::set(std::string_view key, Node child) {
  if (Node* old = find(key)) {
    *old = std::move(child);
  } else {
    as_map().emplace_back(std::string(key), std::move(child));
  }
}

std::string_view Node::type_name() const {
  constexpr std::array<std::string_view, 7> kNames{"null",   "boolean", "integer", "real",
                                                   "string", "list",    "map"};
  return kNames.at(value_.index());
}

std::string Node::text() const { return std::visit(Text{}, value_); }

}  // namespace attnlab::config
