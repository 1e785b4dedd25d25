#include "framework/config/override.h"

#include <algorithm>

#include "framework/config/override_value.h"
#include "framework/config/override_word.h"

namespace attnlab::config {
namespace {

using Sign = Override::Sign;
using Form = Override::Form;

std::string_view sign_text(Sign sign) {
  switch (sign) {
    case Sign::set:
      return "";
    case Sign::add:
      return "+";
    case Sign::force:
      return "++";
    case Sign::remove:
      return "~";
  }
  return "";
}

Sign read_sign(OverrideCursor& cursor) {
  if (cursor.take('~')) return Sign::remove;
  if (!cursor.take('+')) return Sign::set;
  return cursor.take('+') ? Sign::force : Sign::add;
}

void set_origins(Node& node, const Origin& origin) {
  node.set_origin(origin);
  if (node.is_list()) {
    for (Node& item : node.as_list()) set_origins(item, origin);
  } else if (node.is_map()) {
    for (auto& [key, child] : node.as_map()) set_origins(child, origin);
  }
}

void take_element(Override& override, Element element) {
  override.values = std::move(element.values);
  override.glob = std::move(element.glob);
  override.zipped = std::move(element.zipped);
  override.extends_list = element.kind == Element::Kind::extend_list;
  if (element.kind == Element::Kind::sweep) override.form = Form::sweep;
  if (element.kind == Element::Kind::glob) override.form = Form::glob;
  if (element.kind == Element::Kind::zip) override.form = Form::zip;
  for (Override& part : override.zipped) {
    part.sign = override.sign;
    part.text.insert(0, sign_text(part.sign));
    for (Node& value : part.values) set_origins(value, part.origin());
  }
}

// "a" or the simple sweep "a,b,c".
void read_value(Override& override, OverrideCursor& cursor) {
  Element first = read_element(cursor);
  if (cursor.at_end()) return take_element(override, std::move(first));
  override.form = Form::sweep;
  const auto take = [&](Element element) {
    if (element.kind != Element::Kind::value) {
      cursor.fail(
          "a function that makes a sweep cannot stand in a list with ','; "
          "write all values in one choice(...).",
          element.column);
    }
    override.values.push_back(std::move(element.values[0]));
  };
  take(std::move(first));
  while (cursor.take(',')) take(read_element(cursor));
  if (!cursor.at_end()) cursor.fail_unexpected("',' or the end");
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

std::string Override::target() const { return package.empty() ? key : key + "@" + package; }

Origin Override::origin() const { return {"override '" + text + "'", 0}; }

Override parse_override(std::string_view text) {
  OverrideCursor cursor(text);
  Override override;
  override.text = text;
  override.sign = read_sign(cursor);
  override.key = read_key(cursor);
  if (cursor.take('@')) override.package = read_key(cursor);
  const bool removes = override.sign == Sign::remove;
  if (cursor.at_end() && removes) return override;
  if (!cursor.take('=')) cursor.fail("expected KEY=VALUE; the key ends here without '='.");
  const std::size_t value_column = cursor.at();
  cursor.skip_blanks();
  if (cursor.at_end()) {
    override.values.emplace_back(std::string());
  } else {
    read_value(override, cursor);
  }
  if (removes && (override.form != Form::single || override.extends_list)) {
    cursor.fail("'~' removes one value; it cannot sweep.", value_column);
  }
  for (Node& value : override.values) set_origins(value, override.origin());
  return override;
}

Override with_value(const Override& sweep, Node value) {
  Override single;
  single.sign = sweep.sign;
  single.key = sweep.key;
  single.package = sweep.package;
  single.extends_list = sweep.extends_list && value.is_list();
  std::string text = value.text();
  if (single.extends_list) text = "extend_list(" + text.substr(1, text.size() - 2) + ")";
  single.text.append(sign_text(sweep.sign)).append(sweep.target()).append("=").append(text);
  set_origins(value, single.origin());
  single.values.push_back(std::move(value));
  return single;
}

}  // namespace attnlab::config
