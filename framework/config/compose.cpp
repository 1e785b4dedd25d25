#include "framework/config/compose.h"

#include <algorithm>

#include "framework/config/config_files.h"
#include "framework/config/defaults_list.h"
#include "framework/config/pattern_sections.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::config {
namespace {

// The section of that path, made where it is missing. `made_by`: the file that needs it.
Node& section(Node& root, const std::string& package, const Origin& made_by = {}) {
  Node* node = &root;
  for (const auto& word : package.empty() ? std::vector<std::string>{} : split(package, '.')) {
    if (node->find(word) == nullptr || !node->find(word)->is_map()) node->set(word, Node::map(made_by.at(0)));
    node = node->find(word);
  }
  return *node;
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

// Dotted paths of the tree's values that end in `.word`.
void find_paths(const Node& node, const std::string& path, const std::string& word,
                std::vector<std::string>& found) {
  if (!node.is_map()) return;
  for (const auto& [key, child] : node.as_map()) {
    const std::string whole = key_below(path, key);
    if (key == word) found.push_back(whole);
    find_paths(child, whole, word, found);
  }
}

[[noreturn]] void no_such_key(const Override& override, const std::string& key, const Node& root,
                              bool may_add) {
  // The nearest name is looked for where the path ends, so `train.stesp` finds `steps`.
  std::string known, rest;
  const Node* node = &root;
  for (const auto& word : split(key, '.')) {
    const Node* child = node->find(word);
    if (child == nullptr) {
      rest = word;
      break;
    }
    known = key_below(known, word);
    node = child;
  }
  std::vector<std::string> elsewhere;
  find_paths(root, "", rest, elsewhere);
  const auto where = known.empty() ? std::string("the config") : "'" + known + "'";
  const auto verb = override.sign == Override::Sign::remove ? "delete" : "override";
  throw Error(
      override.origin.text() + ": could not " + verb + " '" + key + "': " + where +
      " has no key '" + rest + "'." +
      (elsewhere.empty() ? did_you_mean(rest, node->keys())
                         : did_you_mean(elsewhere[0], elsewhere)) +
      (may_add && override.sign == Override::Sign::set ? " To add it use +" + override.text : ""));
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
      throw Error(override.origin.text() + ": extend_list() needs a list; found " + place.text());
    }
    place = extended(place, value);
  } else {
    merge(place, value);
  }
}

void remove(Node& root, const Override& override, const std::string& key, bool may_add) {
  const auto [parent, last, parent_path] = target_of(root, key);
  Node* const old = parent == nullptr ? nullptr : parent->find(last);
  if (old == nullptr) no_such_key(override, key, root, may_add);
  if (!override.values.empty() && override.values[0].text() != old->text()) {
    throw Error(override.origin.text() + ": could not delete '" + key + "': its value is " +
                old->text() + ", not " + override.values[0].text() + ".");
  }
  parent->erase(last);
}

void apply(Node& root, const Override& override, const std::string& key, bool may_add) {
  if (override.sign == Override::Sign::remove) return remove(root, override, key, may_add);
  Node* const old = root.find_path(key);
  if (old == nullptr) {
    if (override.sign == Override::Sign::set) no_such_key(override, key, root, may_add);
    const auto target = target_of(root, key);
    section(root, target.parent_path).set(target.last, override.values.at(0));
    return;
  }
  const bool merges = old->is_map() || override.extends_list;
  if (override.sign == Override::Sign::add && !merges) {
    throw Error(override.origin.text() + ": could not append '" + key +
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

namespace {

// The entries of a `sweep:` mapping as overrides: `seed: 0,1`, `seed: [0, 1]`, `seed: range(5)`.
void add_sweep(const Node* sweep, std::vector<Override>& all) {
  if (sweep == nullptr || sweep->is_null()) return;
  if (!sweep->is_map()) {
    throw Error(sweep->origin().place() + "sweep: expected KEY: VALUES lines, found a " +
                std::string(sweep->type_name()) + ".");
  }
  for (const auto& [key, values] : sweep->as_map()) {
    std::string text = values.as_string() ? *values.as_string() : values.spelling();
    if (values.is_list()) {
      std::vector<std::string> items;
      for (const auto& item : values.as_list()) items.push_back(item.spelling());
      text = "choice(" + join(items, ",") + ")";
    }
    Override override = parse_override(key + "=" + text, values.origin());
    std::erase_if(all,
                  [&](const Override& earlier) { return earlier.target() == override.target(); });
    all.push_back(std::move(override));
  }
}

constexpr char kPattern[] = "model.attention_pattern";

// Of `attention.name=x`, `dataset={name:x}`, `model.attention_pattern=x` and their like, which change
// what keys there are: the dotted path and its value.
struct Naming {
  std::string path;
  const Node* value = nullptr;  // null: it names nothing
};
Naming naming(const Override& override, const std::string& key) {
  if (override.values.empty()) return {};
  const Node& value = override.values[0];
  if (key.ends_with(".name") || key == kPattern) return {key, &value};
  for (const char* name : {"name", "attention_pattern"}) {
    if (value.is_map() && value.find(name) != nullptr) return {key + "." + name, value.find(name)};
  }
  return {};
}

}  // namespace

struct Composer::Impl {
  mutable ConfigFiles files;
  Fill fill;
  mutable std::map<std::string, Composed> bases;  // by the texts of what they depend on

  [[nodiscard]] std::string without_alias(const std::string& key) const {
    const Node* aliases = files.root().content.find("aliases");
    const auto dot = key.find('.');
    const Node* target = aliases == nullptr ? nullptr : aliases->find(key.substr(0, dot));
    if (target == nullptr) return key;
    if (!target->as_string()) {
      throw Error(target->origin().place() + "an alias stands for a name; found " + target->text());
    }
    return dot == std::string::npos ? *target->as_string() : *target->as_string() + key.substr(dot);
  }

  [[nodiscard]] Composed merged(std::vector<Override> overrides) const {
    for (auto& override : overrides) override.key = without_alias(override.key);
    auto list = expand_defaults(files, overrides);
    Composed composed{Node::map(), std::move(list.choices), {}};
    for (const auto& [content, package] : list.steps) {
      Node own = *content;
      add_sweep(own.find("sweep"), composed.sweep);
      if (const Node* hydra = own.find("hydra")) {
        throw Error(hydra->origin().place() +
                    "attnlab has no section 'hydra'; a sweep in a file is "
                    "a mapping `sweep:`, as in `sweep: {seed: \"0,1\"}`.");
      }
      for (const auto* key : {"defaults", "aliases", "sweep"}) own.erase(key);
      merge(section(composed.config, package, content->origin()), own);
    }
    for (const auto& override : overrides) {
      if (override.key == kPattern && override.sign == Override::Sign::remove) {
        section(composed.config, "model").erase("attention_pattern");
      }
      const auto [path, value] = naming(override, override.key);
      if (value == nullptr) continue;
      if (Node* name = composed.config.find_path(path)) {
        *name = *value;
      } else if (path == kPattern) {
        section(composed.config, "model").set("attention_pattern", *value);
      }
    }
    place_variants(composed.config, files, composed.option("attention"));
    if (fill) fill(composed.config);
    return composed;
  }
};

Composer::Composer(ComposeOptions options, Fill fill)
    : impl_(new Impl{ConfigFiles(std::move(options)), std::move(fill), {}}) {}
Composer::~Composer() = default;

bool Composer::is_group(std::string_view name) const { return impl_->files.is_group(name); }

std::vector<std::string> Composer::options(std::string_view group) const {
  return impl_->files.options(group);
}

std::string Composer::without_alias(const std::string& key) const {
  return impl_->without_alias(key);
}

const Composed& Composer::base(const std::vector<Override>& overrides) const {
  std::string key;
  std::vector<const Override*> deciding;
  for (const auto& override : overrides) {
    const auto plain = impl_->without_alias(override.key);
    const bool names = plain.ends_with(".name") || plain == kPattern ||
                       naming(override, plain).value != nullptr;
    if (!names && !chooses_option(impl_->files, plain, override)) continue;
    key += override.text + '\n';
    deciding.push_back(&override);
  }
  const auto found = impl_->bases.find(key);
  if (found != impl_->bases.end()) return found->second;
  std::vector<Override> copies;
  for (const auto* override : deciding) copies.push_back(*override);
  return impl_->bases.emplace(key, impl_->merged(std::move(copies))).first->second;
}

Composed Composer::compose(const std::vector<Override>& overrides) const {
  const Composed& from = base(overrides);
  Composed composed{from.config, from.choices, {}};
  for (const auto& override : overrides) {
    const auto key = impl_->without_alias(override.key);
    if (chooses_option(impl_->files, key, override)) continue;
    if (!override.package.empty()) {
      throw Error(override.origin.text() + ": '" + key +
                  "' is a value and goes nowhere else; '@' says where a group goes. Use " + key + "=...");
    }
    apply(composed.config, override, key, !impl_->fill);
  }
  interpolate(composed.config);
  return composed;
}

}  // namespace attnlab::config
