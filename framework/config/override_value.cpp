#include "framework/config/override_value.h"

#include "framework/config/override_word.h"

namespace attnlab::config {
namespace {

constexpr int kMaxDepth = 64;

// The elements of "[a, b]" or "f(a, b)", from behind the opening bracket to behind `closing`.
template <class ReadItem>
void read_items(OverrideCursor& cursor, char closing, const ReadItem& read_item) {
  cursor.skip_blanks();
  if (cursor.take(closing)) return;
  do {
    cursor.skip_blanks();
    read_item();
  } while (cursor.take(','));
  if (!cursor.take(closing)) {
    cursor.fail_unexpected(std::string("',' or '") + closing + "'");
  }
}

Node read_plain(OverrideCursor& cursor, int depth) {
  Element element = read_element(cursor, depth);
  if (element.kind != Element::Kind::value) {
    cursor.fail("a sweep cannot stand inside a list or dict; make it the whole value.",
                element.column);
  }
  return std::move(element.values[0]);
}

Node read_list(OverrideCursor& cursor, int depth) {
  List list;
  cursor.next();
  read_items(cursor, ']', [&] { list.push_back(read_plain(cursor, depth)); });
  return Node(std::move(list));
}

Node read_dict(OverrideCursor& cursor, int depth) {
  Node map = Node::map();
  cursor.next();
  read_items(cursor, '}', [&] {
    const std::size_t column = cursor.at();
    const std::string key = read_dict_key(cursor);
    cursor.skip_blanks();
    if (!cursor.take(':')) cursor.fail_unexpected("':' after the key '" + key + "'");
    if (map.find(key)) cursor.fail("the key '" + key + "' stands twice in the dict.", column);
    map.set(key, read_plain(cursor, depth));
  });
  return map;
}

Argument read_argument(OverrideCursor& cursor, int depth) {
  Argument argument;
  argument.column = cursor.at();
  if (const std::size_t length = cursor.name_before('=')) {
    argument.name = cursor.take_letters(length);
    cursor.skip_blanks();
    cursor.take('=');
  }
  argument.element = read_element(cursor, depth);
  return argument;
}

// zip(KEY=SWEEP, ...): whole keys, so that "model.width" and "attention" can be advanced together.
Override read_zipped(OverrideCursor& cursor, int depth) {
  const std::size_t begin = cursor.at();
  Override part;
  part.key = read_key(cursor);
  if (cursor.take('@')) part.package = read_key(cursor);
  cursor.skip_blanks();
  if (!cursor.take('=')) cursor.fail_unexpected("'=' and a sweep after '" + part.key + "'");
  Element element = read_element(cursor, depth);
  if (element.kind != Element::Kind::sweep) {
    cursor.fail(
        "zip() takes sweeps, as in zip(model.width=choice(64,128),model.heads=choice(4,8)).",
        element.column);
  }
  part.form = Override::Form::sweep;
  part.values = std::move(element.values);
  part.text = cursor.since(begin);
  return part;
}

void check_zip(const OverrideCursor& cursor, const std::vector<Override>& parts,
               std::size_t column) {
  if (parts.empty()) cursor.fail("zip() is empty; expected KEY=SWEEP at least once.", column);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (parts[i].values.size() != parts[0].values.size()) {
      cursor.fail("zip() needs sweeps of equal length; '" + parts[0].target() + "' has " +
                      std::to_string(parts[0].values.size()) + " values, '" + parts[i].target() +
                      "' has " + std::to_string(parts[i].values.size()) + ".",
                  column);
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (parts[j].target() == parts[i].target()) {
        cursor.fail("zip() has '" + parts[i].target() + "' twice.", column);
      }
    }
  }
}

Element read_call(OverrideCursor& cursor, std::size_t name_length, int depth) {
  const std::size_t column = cursor.at();
  const std::string name(cursor.take_letters(name_length));
  cursor.skip_blanks();
  cursor.take('(');
  if (name == "zip") {
    Element element;
    element.kind = Element::Kind::zip;
    read_items(cursor, ')', [&] { element.zipped.push_back(read_zipped(cursor, depth)); });
    check_zip(cursor, element.zipped, column);
    return element;
  }
  Call call{name, {}, column, cursor};
  read_items(cursor, ')', [&] { call.arguments.push_back(read_argument(cursor, depth)); });
  return evaluate(call);
}

}  // namespace

void Call::fail(const std::string& message, std::size_t at) const {
  cursor.fail(name + "() " + message, at);
}

Element read_element(OverrideCursor& cursor, int depth) {
  if (depth > kMaxDepth) cursor.fail("brackets are nested too deeply.");
  cursor.skip_blanks();
  const std::size_t column = cursor.at();
  Element element;
  const char c = cursor.peek();
  if (c == '[') {
    element.values.push_back(read_list(cursor, depth + 1));
  } else if (c == '{') {
    element.values.push_back(read_dict(cursor, depth + 1));
  } else if (c == '\'' || c == '"') {
    element.values.emplace_back(read_quoted(cursor));
  } else if (const std::size_t length = cursor.name_before('(')) {
    element = read_call(cursor, length, depth + 1);
  } else {
    element.values.emplace_back(read_word(cursor));
  }
  element.column = column;
  cursor.skip_blanks();
  return element;
}

}  // namespace attnlab::config
