#include "framework/config/override.h"

#include <algorithm>

#include "framework/config/override_parser.h"
#include "framework/core/error.h"

namespace attnlab::config {
namespace {

constexpr int kDeepestBrackets = 64;  // of brackets

std::string_view sign_text(Override::Sign sign) {
  constexpr std::string_view kTexts[]{"", "+", "++", "~"};
  return kTexts[static_cast<std::size_t>(sign)];
}

void set_origins(Node& node, const Origin& origin) {
  node.set_origin(origin);
  if (node.is_list()) {
    for (Node& item : node.as_list()) set_origins(item, origin);
  } else if (node.is_map()) {
    for (auto& [key, child] : node.as_map()) set_origins(child, origin);
  }
}

// `*` any letters, `?` one; goes back to the last `*` on a mismatch, so never exponential.
bool matches_pattern(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = pattern.npos, star_name = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_name = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p, ++n;
    } else if (star != pattern.npos) {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == pattern.npos;
}

}  // namespace

bool Glob::matches(std::string_view option) const {
  const auto match = [&](const std::string& pattern) { return matches_pattern(pattern, option); };
  return std::any_of(include.begin(), include.end(), match) &&
         std::none_of(exclude.begin(), exclude.end(), match);
}

// The elements of "[a, b]" or "f(a, b)", from behind the opening bracket to behind `closing`.
template <class ReadItem>
void OverrideParser::read_items(char closing, const ReadItem& read_item) {
  skip_blanks();
  if (take(closing)) return;
  do {
    skip_blanks();
    read_item();
  } while (take(','));
  if (!take(closing)) fail_unexpected(std::string("',' or '") + closing + "'");
}

Node OverrideParser::read_plain(int depth) {
  Element element = read_element(depth);
  if (element.kind != Element::Kind::value) {
    fail("a sweep cannot stand inside a list or dict; make it the whole value.", element.column);
  }
  return std::move(element.values[0]);
}

Node OverrideParser::read_list(int depth) {
  List list;
  ++at_;
  read_items(']', [&] { list.push_back(read_plain(depth)); });
  return Node(std::move(list));
}

Node OverrideParser::read_dict(int depth) {
  Node map = Node::map();
  ++at_;
  read_items('}', [&] {
    const std::size_t column = at_;
    const std::string key = read_dict_key();
    skip_blanks();
    if (!take(':')) fail_unexpected("':' after the key '" + key + "'");
    if (map.find(key)) fail("the key '" + key + "' stands twice in the dict.", column);
    map.set(key, read_plain(depth));
  });
  return map;
}

Argument OverrideParser::read_argument(int depth) {
  Argument argument;
  argument.column = at_;
  if (const std::size_t length = name_before('=')) {
    argument.name = take_letters(length);
    skip_blanks();
    take('=');
  }
  argument.element = read_element(depth);
  return argument;
}

// KEY=SWEEP within zip(...): whole keys, so that "model.width" and "attention" can be advanced
// together.
Override OverrideParser::read_zipped(int depth) {
  const std::size_t begin = at_;
  Override part;
  read_target(part);
  skip_blanks();
  if (!take('=')) fail_unexpected("'=' and a sweep after '" + part.key + "'");
  Element element = read_element(depth);
  if (element.kind != Element::Kind::sweep) {
    fail("zip() takes sweeps, as in zip(model.width=choice(64,128),model.heads=choice(4,8)).",
         element.column);
  }
  part.form = Override::Form::sweep;
  part.values = std::move(element.values);
  part.text = text_.substr(begin, at_ - begin);
  return part;
}

void OverrideParser::check_zip(const std::vector<Override>& parts, std::size_t column) const {
  if (parts.empty()) fail("zip() is empty; expected KEY=SWEEP at least once.", column);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (parts[i].values.size() != parts[0].values.size()) {
      fail("zip() needs sweeps of equal length; '" + parts[0].target() + "' has " +
               std::to_string(parts[0].values.size()) + " values, '" + parts[i].target() +
               "' has " + std::to_string(parts[i].values.size()) + ".",
           column);
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (parts[j].target() == parts[i].target()) {
        fail("zip() has '" + parts[i].target() + "' twice.", column);
      }
    }
  }
}

Element OverrideParser::read_call(std::size_t name_length, int depth) {
  const std::size_t column = at_;
  const std::string name = take_letters(name_length);
  skip_blanks();
  take('(');
  if (name == "zip") {
    Element element;
    element.kind = Element::Kind::zip;
    read_items(')', [&] { element.zipped.push_back(read_zipped(depth)); });
    check_zip(element.zipped, column);
    return element;
  }
  Call call{name, {}, column, *this};
  read_items(')', [&] { call.arguments.push_back(read_argument(depth)); });
  return evaluate(call);
}

// One element up to ',' or a closing bracket. Blanks around it are skipped.
Element OverrideParser::read_element(int depth) {
  if (depth > kDeepestBrackets) fail("brackets are nested too deeply.");
  skip_blanks();
  const std::size_t column = at_;
  Element element;
  const char c = peek();
  if (c == '[') {
    element.values.push_back(read_list(depth + 1));
  } else if (c == '{') {
    element.values.push_back(read_dict(depth + 1));
  } else if (c == '\'' || c == '"') {
    element.values.emplace_back(read_quoted());
  } else if (const std::size_t length = name_before('(')) {
    element = read_call(length, depth + 1);
  } else {
    element.values.push_back(read_word());
  }
  element.column = column;
  skip_blanks();
  return element;
}

std::string Override::target() const { return package.empty() ? key : key + "@" + package; }

// "a" or the simple sweep "a,b,c".
void OverrideParser::read_values(Override& override) {
  Element first = read_element();
  if (at_end()) {
    using Kind = Element::Kind;
    override.values = std::move(first.values);
    override.glob = std::move(first.glob);
    override.zipped = std::move(first.zipped);
    override.extends_list = first.kind == Kind::extend_list;
    if (first.kind == Kind::sweep) override.form = Override::Form::sweep;
    if (first.kind == Kind::glob) override.form = Override::Form::glob;
    if (first.kind == Kind::zip) override.form = Override::Form::zip;
    for (Override& part : override.zipped) {
      part.sign = override.sign;
      part.text.insert(0, sign_text(part.sign));
      part.origin = Origin("override '" + part.text + "'");
      for (Node& value : part.values) set_origins(value, part.origin);
    }
    return;
  }
  override.form = Override::Form::sweep;
  const auto take_one = [&](Element element) {
    if (element.kind != Element::Kind::value) {
      fail(
          "a function that makes a sweep cannot stand in a list with ','; "
          "write all values in one choice(...).",
          element.column);
    }
    override.values.push_back(std::move(element.values[0]));
  };
  take_one(std::move(first));
  while (take(',')) take_one(read_element());
  if (!at_end()) fail_unexpected("',' or the end");
}

Override OverrideParser::override() {
  Override override;
  override.text = text_;
  override.origin = Origin("override '" + override.text + "'");
  override.sign = read_sign();
  read_target(override);
  const bool removes = override.sign == Override::Sign::remove;
  if (at_end() && removes) return override;
  if (!take('=')) {
    if (name_before('(') == 0 && peek() == '(') {
      fail("'" + override.key + "' is a function here; it needs a name in front, as in '" +
           (override.key == "zip"
                ? "sizes=zip(model.width=choice(64,128),model.heads=choice(4,8))'."
                : "KEY=" + override.key + "(...)'."));
    }
    fail("expected KEY=VALUE; the key ends here without '='.");
  }
  const std::size_t value_column = at_;
  skip_blanks();
  if (at_end()) {
    override.values.emplace_back(std::string());
  } else {
    read_values(override);
  }
  if (removes && (override.form != Override::Form::single || override.extends_list)) {
    fail("'~' removes one value; it cannot sweep.", value_column);
  }
  for (Node& value : override.values) set_origins(value, override.origin);
  return override;
}

Override parse_override(std::string_view text) { return OverrideParser(text).override(); }

Override parse_override(const std::string& text, const Origin& origin) {
  try {
    Override override = OverrideParser(text).override();
    override.origin = origin;
    for (Node& value : override.values) set_origins(value, origin);
    return override;
  } catch (const Error& error) {
    throw error.within(origin.text());
  }
}

std::string as_literal(std::string_view text) {
  std::string escaped;
  std::size_t backslashes = 0;  // of a run; before a reference each is doubled, and one more added
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "${") escaped.append(backslashes + 1, '\\');
    escaped += text[i];
    backslashes = text[i] == '\\' ? backslashes + 1 : 0;
  }
  std::string typed = Node(escaped).text();
  return typed[0] == '"' ? typed : "\"" + typed + "\"";
}

Override with_value(const Override& sweep, Node value) {
  Override single;
  single.sign = sweep.sign;
  single.key = sweep.key;
  single.package = sweep.package;
  single.variant = sweep.variant;
  single.extends_list = sweep.extends_list && value.is_list();
  std::string text = value.spelling();
  if (single.extends_list) text = "extend_list(" + text.substr(1, text.size() - 2) + ")";
  single.text = sweep.text.substr(0, sweep.text.find('=')) + "=" + text;
  single.origin = sweep.origin.line() > 0 ? sweep.origin : Origin("override '" + single.text + "'");
  set_origins(value, single.origin);
  single.values.push_back(std::move(value));
  return single;
}

}  // namespace attnlab::config
