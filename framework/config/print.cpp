// print.cpp: a tree as text: as one types it, as JSON, as YAML, and with the place of every value.
#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>

#include "framework/config/compose.h"
#include "framework/config/scalar.h"
#include "framework/core/error.h"
#include "framework/core/json_text.h"
#include "framework/core/text.h"

namespace attnlab::config {
namespace {

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  std::size_t backslashes = 0;  // a run of them before a quote is doubled, elsewhere kept
  for (const char letter : text) {
    if (letter == '"') out.append(backslashes + 1, '\\');
    out += letter;
    backslashes = letter == '\\' ? backslashes + 1 : 0;
  }
  return out.append(backslashes, '\\') + '"';
}

bool only(std::string_view text, bool (*letter)(unsigned char)) {
  return !text.empty() && std::all_of(text.begin(), text.end(), letter);
}

bool is_any_of(std::string_view letters, unsigned char c) {
  return letters.find(static_cast<char>(c)) != letters.npos;
}

// In the override grammar.
std::string typed_key(const std::string& text) {
  return only(text,
              [](unsigned char c) {
                return std::isalnum(c) || c >= 128 || is_any_of("_-./+%@*?", c);
              })
             ? text
             : in_quotes(text);
}
std::string typed_string(const std::string& text) {
  return is_string(text) ? typed_key(text) : in_quotes(text);
}

std::string json_string(const std::string& text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c >= 32 && c < 127 && c != '"' && c != '\\';
  });
  if (plain) return "\"" + text + "\"";
  // Bytes that are not UTF-8 can come from a shell; they are replaced, not thrown about.
  return json_text(nlohmann::json(text));
}

// What YAML 1.1, and so PyYAML, takes for a string without quotes. Letters that it refuses or
// takes for line breaks are escaped: DEL, U+0080 to U+009F, U+2028, U+2029, U+FEFF, U+FFFE, U+FFFF.
std::string yaml_string(const std::string& text) {
  constexpr std::array<std::string_view, 6> kOthers{"y", "n", "yes", "no", "on", "off"};
  const bool plain =
      only(text, [](unsigned char c) { return std::isalnum(c) || is_any_of("_-./", c); }) &&
      (std::isalpha(static_cast<unsigned char>(text[0])) || text[0] == '/') && is_string(text) &&
      std::ranges::find(kOthers, lower_case(text)) == kOthers.end();
  if (plain) return text;
  const std::string json = json_string(text);
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kRefused{
      {{"\x7f", "\\x7f"},
       {"\xe2\x80\xa8", "\\u2028"},
       {"\xe2\x80\xa9", "\\u2029"},
       {"\xef\xbb\xbf", "\\ufeff"},
       {"\xef\xbf\xbe", "\\ufffe"},
       {"\xef\xbf\xbf", "\\uffff"}}};
  std::string out;
  for (std::size_t i = 0; i < json.size();) {
    const std::string_view rest = std::string_view(json).substr(i);
    const auto refused = std::ranges::find_if(
        kRefused, [&](const auto& entry) { return rest.starts_with(entry.first); });
    if (refused != kRefused.end()) {
      out += refused->second;
      i += refused->first.size();
    } else if (rest.size() > 1 && rest[0] == '\xc2' && static_cast<unsigned char>(rest[1]) < 0xa0) {
      out += rest[1] < '\x90' ? "\\x8" : "\\x9";
      out += "0123456789abcdef"[rest[1] & 15];
      i += 2;
    } else {
      out += json[i++];
    }
  }
  return out;
}

std::string typed_real(double value) { return real_text(value); }
std::string json_real(double value) {
  return std::isfinite(value) ? real_text(value) : json_string(real_text(value));
}
std::string yaml_real(double value) {
  std::string text = real_text(value);
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value < 0 ? "-.inf" : ".inf";
  if (text.find('.') == text.npos) text.insert(text.find('e'), ".0");  // else YAML 1.1: a string
  return text;
}

struct Notation {
  std::string (*key)(const std::string&);
  std::string (*string)(const std::string&);
  std::string (*real)(double);
  std::string_view comma, colon;
  int indent = -1;
};

constexpr Notation kTyped{typed_key, typed_string, typed_real, ",", ":"};
constexpr Notation kYaml{yaml_string, yaml_string, yaml_real, ", ", ": "};

class Printer {
 public:
  Printer(const Notation& notation, std::string& out) : notation_(notation), out_(out) {}

  void add(const Node& node) {
    std::visit([&](const auto& value) { put(node, value); }, node.value());
  }

 private:
  void put(const Node&, std::monostate) { out_ += "null"; }
  void put(const Node&, bool value) { out_ += value ? "true" : "false"; }
  void put(const Node&, std::int64_t value) { out_ += std::to_string(value); }
  void put(const Node&, double value) { out_ += notation_.real(value); }
  void put(const Node&, const std::string& value) { out_ += notation_.string(value); }
  void put(const Node&, const List& list) {
    put_items('[', list, ']', [&](const Node& item) { add(item); });
  }
  void put(const Node& node, const SharedMap&) {
    put_items('{', node.as_map(), '}', [&](const auto& entry) {
      out_.append(notation_.key(entry.first)).append(notation_.colon);
      add(entry.second);
    });
  }

  template <class Items, class Put>
  void put_items(char open, const Items& items, char close, const Put& put_item) {
    out_ += open;
    ++depth_;
    bool first = true;
    for (const auto& item : items) {
      if (!first) out_ += notation_.comma;
      first = false;
      break_line();
      put_item(item);
    }
    --depth_;
    if (!first) break_line();
    out_ += close;
  }
  void break_line() {
    if (notation_.indent < 0) return;
    out_ += '\n';
    out_.append(static_cast<std::size_t>(notation_.indent * depth_), ' ');
  }

  const Notation& notation_;
  std::string& out_;
  int depth_ = 0;
};

std::string printed(const Node& node, const Notation& notation) {
  std::string out;
  Printer(notation, out).add(node);
  return out;
}

bool has_entries(const Node& node) { return node.is_map() && !node.as_map().empty(); }

void add_yaml(const Node& node, std::size_t depth, std::string& out) {
  for (const auto& [key, child] : node.as_map()) {
    out.append(2 * depth, ' ').append(yaml_string(key)).append(":");
    if (has_entries(child)) {
      out += "\n";
      add_yaml(child, depth + 1, out);
    } else {
      out += " " + printed(child, kYaml) + "\n";
    }
  }
}

void add_lines(const Node& node, const std::string& prefix,
               std::vector<std::pair<std::string, std::string>>& lines) {
  for (const auto& [key, child] : node.as_map()) {
    if (has_entries(child)) {
      add_lines(child, prefix + key + ".", lines);
    } else {
      lines.emplace_back(prefix + key + " = " + child.text(), child.origin().text());
    }
  }
}

Node from(const nlohmann::ordered_json& json, const Origin& origin) {
  using Type = nlohmann::ordered_json::value_t;
  switch (json.type()) {
    case Type::boolean:
      return {json.get<bool>(), origin};
    case Type::number_unsigned:
      if (json.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) {
        return {json.get<double>(), origin};
      }
      [[fallthrough]];
    case Type::number_integer:
      return {json.get<std::int64_t>(), origin};
    case Type::number_float:
      return {json.get<double>(), origin};
    case Type::string:
      return {json.get<std::string>(), origin};
    case Type::array: {
      List list;
      for (const auto& item : json) list.push_back(from(item, origin));
      return {std::move(list), origin};
    }
    case Type::object: {
      Node map = Node::map(origin);
      for (const auto& [key, child] : json.items()) map.set(key, from(child, origin));
      return map;
    }
    default:
      return {std::monostate{}, origin};
  }
}

}  // namespace

std::string Node::text() const { return printed(*this, kTyped); }

std::string to_json(const Node& node, int indent) {
  return printed(node, {json_string, json_string, json_real, ",", indent < 0 ? ":" : ": ", indent});
}

Node from_json(std::string_view text, const std::string& source) {
  try {
    return from(nlohmann::ordered_json::parse(text), Origin(source));
  } catch (const nlohmann::json::exception& error) {
    throw Error(source + ": not valid JSON: " + error.what());
  }
}

std::string render_yaml(const Node& config) {
  std::string out;
  add_yaml(config, 0, out);
  return out;
}

std::string render_origins(const Node& config) {
  std::vector<std::pair<std::string, std::string>> lines;
  add_lines(config, "", lines);
  std::size_t width = 0;
  for (const auto& [setting, origin] : lines) width = std::max(width, setting.size());
  std::string out;
  for (auto& [setting, origin] : lines) {
    setting.resize(width, ' ');
    out += setting + "   # " + origin + "\n";
  }
  return out;
}

}  // namespace attnlab::config
