#include "framework/config/compose.h"

#include <algorithm>

#include "framework/config/config_files.h"
#include "framework/config/defaults_list.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::config {
namespace {

// Dicts merge, everything else replaces.
void merge(Node& into, const Node& from) {
  if (!into.is_map() || !from.is_map()) {
    into = from;
    return;
  }
  for (const auto& [key, child] : from.as_map()) {
    if (Node* old = into.find(key)) {
      merge(*old, child);
    } else {
      into.set(key, child);
    }
  }
}

// The section of that path, made where it is missing.
Node& section(Node& root, const std::string& package) {
  Node* node = &root;
  for (const auto& word : package.empty() ? std::vector<std::string>{} : split(package, '.')) {
    if (node->find(word) == nullptr || !node->find(word)->is_map()) node->set(word, Node::map());
    node = node->find(word);
  }
  return *node;
}

std::vector<std::string> keys_of(const Node& node) {
  std::vector<std::string> keys;
  if (!node.is_map()) return keys;
  for (const auto& [key, child] : node.as_map()) keys.push_back(key);
  return keys;
}

// Where a dotted path ends, and its last word.
struct Target {
  Node* parent;  // null where a part of the path is missing
  std::string last;
  std::string parent_path;
};

Target target_of(Node& root, const std::string& path) {
  const auto dot = path.rfind('.');
  if (dot == std::string::npos) return {&root, path, ""};
  return {root.find_path(path.substr(0, dot)), path.substr(dot + 1), path.substr(0, dot)};
}

[[noreturn]] void no_such_key(const Override& override, const std::string& key, Node& root) {
  // The nearest name is looked for where the path ends, so `train.stesp` finds `steps`.
  std::string known, rest;
  const Node* node = &root;
  for (const auto& word : split(key, '.')) {
    const Node* child = node->find(word);
    if (child == nullptr) {
      rest = word;
      break;
    }
    known = known.empty() ? word : known + "." + word;
    node = child;
  }
  const auto where = known.empty() ? std::string("the config") : "'" + known + "'";
  const auto verb = override.sign == Override::Sign::remove ? "delete" : "override";
  throw Error(override.origin().text() + ": could not " + verb + " '" + key + "': " + where +
              " has no key '" + rest + "'." + did_you_mean(rest, keys_of(*node)) +
              (override.sign == Override::Sign::set ? " To add it use +" + override.text : ""));
}

Node extended(const Node& list, const Node& items) {
  Node longer = list;
  for (const auto& item : items.as_list()) longer.as_list().push_back(item);
  return longer;
}

void put(Node& place, const Override& override) {
  const Node& value = override.values.at(0);
  if (override.extends_list) {
    if (!place.is_list()) {
      throw Error(override.origin().text() + ": extend_list() needs a list; found " + place.text());
    }
    place = extended(place, value);
  } else {
    merge(place, value);
  }
}

void remove(Node& root, const Override& override, const std::string& key) {
  const auto [parent, last, parent_path] = target_of(root, key);
  Node* const old = parent == nullptr ? nullptr : parent->find(last);
  if (old == nullptr) no_such_key(override, key, root);
  if (!override.values.empty() && override.values[0].text() != old->text()) {
    throw Error(override.origin().text() + ": could not delete '" + key + "': its value is " +
                old->text() + ", not " + override.values[0].text() + ".");
  }
  std::erase_if(parent->as_map(), [&](const auto& entry) { return entry.first == last; });
}

void apply(Node& root, const Override& override, const std::string& key) {
  if (override.sign == Override::Sign::remove) return remove(root, override, key);
  Node* const old = root.find_path(key);
  if (old == nullptr) {
    if (override.sign == Override::Sign::set) no_such_key(override, key, root);
    const auto target = target_of(root, key);
    section(root, target.parent_path).set(target.last, override.values.at(0));
    return;
  }
  const bool merges = old->is_map() || override.extends_list;
  if (override.sign == Override::Sign::add && !merges) {
    throw Error(override.origin().text() + ": could not append '" + key +
                "': it is already there. Use " + override.text.substr(1) + " or +" + override.text);
  }
  put(*old, override);
}

}  // namespace

std::string Composed::option(std::string_view group) const {
  for (const auto& choice : choices) {
    if (choice.group == group) return choice.option;
  }
  return "";
}

struct Composer::Impl {
  mutable ConfigFiles files;

  [[nodiscard]] std::string without_alias(const std::string& key) const {
    const Node* aliases = files.root().content.find("aliases");
    const auto dot = key.find('.');
    const Node* target = aliases == nullptr ? nullptr : aliases->find(key.substr(0, dot));
    if (target == nullptr) return key;
    const auto* name = std::get_if<std::string>(&target->value());
    if (name == nullptr) {
      throw Error(target->origin().text() + ": an alias stands for a name; found " +
                  target->text());
    }
    return dot == std::string::npos ? *name : *name + key.substr(dot);
  }

  [[nodiscard]] std::vector<Override> without_aliases(std::vector<Override> overrides) const {
    for (auto& override : overrides) override.key = without_alias(override.key);
    return overrides;
  }
};

Composer::Composer(ComposeOptions options) : impl_(new Impl{ConfigFiles(std::move(options))}) {}
Composer::~Composer() = default;

bool Composer::is_group(std::string_view name) const { return impl_->files.is_group(name); }

std::vector<std::string> Composer::options(std::string_view group) const {
  return impl_->files.options(group);
}

std::string Composer::without_alias(const std::string& key) const {
  return impl_->without_alias(key);
}

std::vector<Choice> Composer::choices(const std::vector<Override>& overrides) const {
  return expand_defaults(impl_->files, impl_->without_aliases(overrides)).choices;
}

Composed Composer::compose(const std::vector<Override>& overrides, const Fill& fill) const {
  const auto plain = impl_->without_aliases(overrides);
  auto list = expand_defaults(impl_->files, plain);
  Composed composed{Node::map(), std::move(list.choices)};
  for (const auto& [content, package] : list.steps) {
    Node own = *content;
    std::erase_if(own.as_map(), [&](const auto& entry) {
      return entry.first == "defaults" || entry.first == "aliases";
    });
    merge(section(composed.config, package), own);
  }
  if (fill) fill(composed.config);
  for (const auto& override : plain) {
    if (!chooses_option(impl_->files, override)) apply(composed.config, override, override.key);
  }
  interpolate(composed.config);
  return composed;
}

}  // namespace attnlab::config
