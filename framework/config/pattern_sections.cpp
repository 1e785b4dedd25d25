#include "framework/config/pattern_sections.h"

#include <utility>

#include "framework/config/run_config.h"
#include "framework/core/error.h"

namespace attnlab::config {
namespace {

constexpr char kKey[] = "model.attention_pattern";

Node own_section(const std::string& variant, ConfigFiles& files, const Origin& origin) {
  const YamlFile* const file = files.find("attention", variant);
  if (file == nullptr) {
    throw Error(origin.place() + kKey + ": " + files.missing("attention", variant));
  }
  if (const Node* defaults = file->content.find("defaults")) {
    throw Error(defaults->origin().place() + "a variant of " + kKey +
                " has no defaults list; write its values out.");
  }
  return file->content;
}

}  // namespace

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

std::vector<UsedVariant> variants_of(const Node& config) {
  const auto name = [&](const std::string& section) {
    const Node* node = config.find_path(section + ".name");
    return node == nullptr ? "" : node->plain_text();
  };
  const auto text = pattern_text(config);
  if (text.empty()) return {{name("attention"), "attention", {}}};
  const AttentionPattern pattern(text);
  std::vector<UsedVariant> variants;
  for (const auto& variant : pattern.variants()) {
    const auto section = "attention." + variant;
    variants.push_back({name(section), section, pattern.layers_of(variant)});
  }
  return variants;
}

const std::vector<Parameter>& model_parameters() {
  static const auto all = [] {
    auto parameters = parameters_of<ModelConfig>();
    for (auto& own : parameters_of<PatternConfig>()) parameters.push_back(std::move(own));
    return parameters;
  }();
  return all;
}

std::string pattern_text(const Node& config) {
  const Node* const pattern = config.find_path(kKey);
  const auto* const text = pattern == nullptr ? nullptr : pattern->as_string();
  return text == nullptr ? "" : *text;
}

AttentionPattern read_pattern(const std::string& text, const Origin& origin) try {
  return AttentionPattern(text);
} catch (const Error& error) {
  throw Error(origin.place() + kKey + ": " + error.what());
}

void place_variants(Node& config, ConfigFiles& files, const std::string& chosen) {
  const auto text = pattern_text(config);
  if (text.empty()) return;
  const auto origin = std::as_const(config).find_path(kKey)->origin();
  if (text.find("${") != std::string::npos) {
    throw Error(origin.place() + kKey + ": '" + text +
                "' is not written out; expected names, not ${...}, since which keys there are depends on "
                "them.");
  }
  const auto pattern = read_pattern(text, origin);
  const Node old = std::as_const(config).find("attention") == nullptr ? Node::map()
                                                                      : *config.find("attention");
  const YamlFile* const replaced = files.find("attention", chosen);
  Node section = Node::map(origin);
  section.set("name", Node(pattern.text(), origin));
  for (const auto& variant : pattern.variants()) {
    Node own = own_section(variant, files, origin);
    if (const Node* given = old.find(variant)) merge(own, *given);
    section.set(variant, std::move(own));
  }
  for (const auto& key : old.keys()) {  // what nobody asked for is said by resolve()
    const bool gone = replaced != nullptr && replaced->content.find(key) != nullptr;
    if (!gone && section.find(key) == nullptr) section.set(key, *old.find(key));
  }
  config.set("attention", std::move(section));
}

}  // namespace attnlab::config
