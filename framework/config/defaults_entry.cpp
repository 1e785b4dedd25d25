#include "framework/config/defaults_entry.h"

#include <string_view>

#include "framework/core/error.h"

namespace attnlab::config {
namespace {

std::string option_name(const Node& node, const Origin& origin) {
  if (const auto* text = node.as_string()) return *text;
  if (node.is_map() || node.is_list() || node.is_null()) {
    throw Error(origin.text() + ": " + node.text() + " is no option; expected a name.");
  }
  return node.text();
}

void read_key(std::string key, DefaultsEntry& entry) {
  for (bool found = true; found;) {
    found = false;
    for (const auto& [word, mark] : {std::pair{"optional ", &DefaultsEntry::optional},
                                     {"override ", &DefaultsEntry::overrides}}) {
      if (!key.starts_with(word)) continue;
      entry.*mark = found = true;
      key.erase(0, std::string_view(word).size());
    }
  }
  if (const auto at = key.find('@'); at != std::string::npos) {
    entry.package = key.substr(at + 1);
    key.erase(at);
  }
  entry.absolute = key.starts_with('/');
  entry.group = key.substr(entry.absolute ? 1 : 0);
}

DefaultsEntry read_word(const std::string& word, const Origin& origin) {
  DefaultsEntry entry;
  entry.origin = origin;
  if (word == "_self_") {
    entry.kind = DefaultsEntry::Kind::self;
    return entry;
  }
  entry.kind = DefaultsEntry::Kind::config;
  read_key(word, entry);
  const auto slash = entry.group.rfind('/');
  const auto name = slash == std::string::npos ? 0 : slash + 1;
  entry.options = {entry.group.substr(name)};
  entry.group.erase(name == 0 ? 0 : slash);
  return entry;
}

}  // namespace

std::vector<std::string> option_names(const Node& node, const Origin& origin) {
  if (node.is_null()) return {};
  if (!node.is_list()) return {option_name(node, origin)};
  std::vector<std::string> names;
  for (const auto& item : node.as_list()) names.push_back(option_name(item, origin));
  return names;
}

DefaultsEntry read_defaults_entry(const Node& node) {
  if (const auto* word = node.as_string()) {
    return read_word(*word, node.origin());
  }
  if (!node.is_map() || node.as_map().size() != 1) {
    throw Error(node.origin().text() + ": a defaults entry is NAME or `GROUP: OPTION`; found " +
                node.text());
  }
  const auto& [key, value] = node.as_map().front();
  DefaultsEntry entry;
  entry.origin = value.origin().text().empty() ? node.origin() : value.origin();
  read_key(key, entry);
  entry.options = option_names(value, entry.origin);
  return entry;
}

}  // namespace attnlab::config
