#include "framework/cli/checkpoints/origin.h"

#include <algorithm>
#include <array>

#include "framework/config/override.h"

namespace attnlab::cli {
namespace {

constexpr std::array kLeftOut{"study", "plugin_path", "train.initial", "train.initial_path"};

bool chooses(const std::vector<std::string>& overrides, const std::string& group) {
  return std::ranges::any_of(overrides, [&](const std::string& word) { return word.starts_with(group + "="); });
}

std::string value_of(const config::Node& node) {
  return node.as_string() != nullptr ? config::as_literal(*node.as_string()) : config::to_json(node);
}

void add(const std::string& key, const config::Node& value, std::vector<std::string>& overrides) {
  if (std::ranges::find(kLeftOut, key) == kLeftOut.end()) overrides.push_back(key + "=" + value_of(value));
}

// One variant of a pattern: its parameters, without the name that its section has anyway.
void add_variant(const std::string& path, const config::Node& section, std::vector<std::string>& overrides) {
  for (const auto& [key, value] : section.as_map()) {
    if (key != "name") add(path + "." + key, value, overrides);
  }
}

}  // namespace

std::vector<std::string> overrides_of(const checkpoint::State& state, const std::vector<std::string>& chosen) {
  const auto config = config::from_json(state.config, "the config in a checkpoint's state.json");
  const auto* of_layers = config.find_path("model.attention_pattern");
  const bool pattern = of_layers != nullptr && !of_layers->plain_text().empty();
  std::vector<std::string> overrides;
  for (const auto& [section, node] : config.as_map()) {
    if (!node.is_map()) {
      add(section, node, overrides);
      continue;
    }
    if (chooses(chosen, section)) continue;
    const bool by_layer = pattern && section == "attention";  // the pattern itself is the model's
    for (const auto& [key, value] : node.as_map()) {
      if (section == "model" && key == "attention_pattern" && chooses(chosen, "attention")) continue;
      if (by_layer) {
        if (value.is_map()) add_variant(section + "." + key, value, overrides);
        continue;
      }
      // The group's choice stands before the values that it would set.
      if (key == "name") {
        overrides.insert(overrides.begin(), section + "=" + value.text());
      } else {
        add(section + "." + key, value, overrides);
      }
    }
  }
  return overrides;
}

void begin_with(const checkpoint::State& state, const std::string& word, std::vector<std::string>& overrides) {
  overrides.erase(std::ranges::find(overrides, word));
  const auto own = overrides_of(state, overrides);
  overrides.insert(overrides.begin(), own.begin(), own.end());
}

}  // namespace attnlab::cli
