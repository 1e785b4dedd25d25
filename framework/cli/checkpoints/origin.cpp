#include "framework/cli/checkpoints/origin.h"

#include <algorithm>
#include <array>
#include <utility>

#include "framework/cells/history.h"
#include "framework/cells/prepare.h"
#include "framework/config/override.h"
#include "framework/core/error.h"

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

bool is_run_of(const checkpoint::State& state, plan::Cell cell, cells::Sources& sources, const cells::Request& request) {
  const auto config = config::from_json(state.config, "the config in a checkpoint's state.json");
  if (const auto* initial = config.find_path("train.initial")) *cell.resolved.config.find_path("train.initial") = *initial;
  const cells::History history(request.database);
  return cells::prepare({std::move(cell)}, sources, history, request).at(0).record.fingerprint == state.fingerprint;
}

void require_fitting(const checkpoint::State& state, const std::string& word, const config::Resolved& fork) {
  const auto config = config::from_json(state.config, "the config in a checkpoint's state.json");
  const auto refuse = [&](const std::string& key, const config::Node& own, const std::string& has) {
    throw Error(own.origin().place() + key + "=" + own.text() + " does not fit the weights of " + word + ", which have " + key + "=" +
                has + ". Expected that, or a run of its own: attnlab run.");
  };
  const auto number = [](const config::Node& node) {
    const auto* whole = std::get_if<std::int64_t>(&node.value());
    return whole == nullptr ? -1 : *whole;
  };
  const auto& own_positions = *fork.config.find_path("model.positions");
  const auto* positions = config.find_path("model.positions");
  const bool learned = fork.model.positions == config::Positions::learned;
  for (const std::string key : {"model.width", "model.mlp_ratio", "model.layers", "dataset.length"}) {
    const auto* has = config.find_path(key);
    const auto& own = *fork.config.find_path(key);
    if (has == nullptr || number(*has) == number(own)) continue;
    if (key == "model.layers" && number(own) < number(*has)) continue;  // the first ones are taken
    if (key != "dataset.length" || learned) refuse(key, own, has->text());
  }
  const auto& own_keys = *fork.config.find_path("model.shared_keys");
  if (const auto* keys = config.find_path("model.shared_keys"); keys != nullptr && keys->text() != own_keys.text()) {
    refuse("model.shared_keys", own_keys, keys->text());
  }
  // rope and none have no weights of their own.
  const bool had_learned = positions != nullptr && positions->plain_text() == "learned";
  if (positions != nullptr && learned != had_learned) {
    refuse("model.positions", own_positions, positions->text());
  }
}

}  // namespace attnlab::cli
