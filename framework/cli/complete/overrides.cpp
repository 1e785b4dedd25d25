// overrides.cpp: keys and values of a run's config, from the lists that also read and check them.
#include <algorithm>

#include "framework/cli/complete/candidates.h"
#include "framework/config/pattern_sections.h"
#include "framework/config/run_config.h"
#include "framework/config/yaml.h"
#include "framework/core/paths.h"
#include "framework/core/text.h"
#include "framework/data/dataset_table.h"
#include "framework/plugin/catalog.h"
#include "framework/plugin/parameters.h"

namespace attnlab::cli {
namespace {

using config::Parameter;
using Parameters = std::vector<Parameter>;

const plugin::Catalog& known_plugins() {
  static const auto catalog = plugin::Catalog::search();
  return catalog;
}

Parameters of_attention(const std::string& name) {
  const auto found = std::ranges::find(known_plugins().all(), name, &plugin::FoundPlugin::name);
  const bool readable = found != known_plugins().all().end() && found->facts;
  return readable ? plugin::parameters(found->facts->note) : Parameters{};
}

/// Values of GROUP= in the words before, and what a run has where none is given: "a,b" is two.
std::vector<std::string> options_named(const std::vector<std::string>& words, const std::string& group, const std::string& usual) {
  std::vector<std::string> names;
  for (const auto& word : words) {
    if (word.starts_with(group + "=")) names = split(word.substr(group.size() + 1), ',');
  }
  return names.empty() ? std::vector{usual} : names;
}

void add(Parameters& to, const Parameters& more) {
  for (const auto& parameter : more) {
    if (std::ranges::find(to, parameter.name, &Parameter::name) == to.end()) to.push_back(parameter);
  }
}

/// Of the section before the dot; "" is the root's.
Parameters parameters_of_section(const std::string& section, const std::vector<std::string>& words) {
  if (section.empty()) return config::parameters_of<config::RunConfig>();
  if (section == "model") return config::model_parameters();
  if (section == "train") return config::parameters_of<config::TrainConfig>();
  Parameters all;
  if (section == "dataset" || section == "data") {
    const auto known = data::names();
    for (const auto& name : options_named(words, "dataset", "mnist")) {
      if (std::ranges::find(known, name) != known.end()) add(all, data::parameters(name));
    }
    return all;
  }
  if (section != "attention") return of_attention(section);  // a variant's own keys
  for (const auto& name : options_named(words, "attention", "dense")) add(all, of_attention(name));
  return all;
}

std::vector<std::string> group_options(const std::string& group) {
  if (group == "attention") return plugin_names();
  if (group == "dataset" || group == "data") return data::names();
  if (group == "model" || group == "train" || group == "experiment") {
    return config::yaml_names(paths::home() / "experiments" / group);
  }
  return {};
}

std::vector<std::string> values_of(const std::string& key, const std::vector<std::string>& words) {
  const auto dot = key.rfind('.');
  if (dot == std::string::npos) {
    if (auto options = group_options(key); !options.empty()) return options;
  }
  const auto section = dot == std::string::npos ? "" : key.substr(0, dot);
  for (const auto& parameter : parameters_of_section(section, words)) {
    if (parameter.name != key.substr(dot == std::string::npos ? 0 : dot + 1)) continue;
    return parameter.kind == config::Kind::boolean ? std::vector<std::string>{"true", "false"} : parameter.choices;
  }
  return {};
}

/// Where the last piece of "a,b,c" begins, brackets and quotes counted as whole.
std::size_t last_piece(const std::string& value) {
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '(' || value[i] == '[' || value[i] == '{') ++depth;
    if (value[i] == ')' || value[i] == ']' || value[i] == '}') --depth;
    if (value[i] == ',' && depth <= 0) begin = i + 1;
  }
  return begin;
}

std::vector<std::string> key_words(const std::string& current, const std::vector<std::string>& words) {
  std::vector<std::string> keys;
  const auto dot = current.rfind('.');
  if (dot == std::string::npos) {
    for (const auto* group : {"attention", "dataset", "model", "train", "experiment"}) keys.push_back(std::string(group) + "=");
    for (const auto* section : {"attention", "dataset", "model", "train"}) keys.push_back(std::string(section) + ".");
    for (const auto& name : options_named(words, "attention", "")) {
      if (!of_attention(name).empty()) keys.push_back(name + ".");
    }
  }
  const auto section = dot == std::string::npos ? "" : current.substr(0, dot);
  for (const auto& parameter : parameters_of_section(section, words)) {
    keys.push_back((section.empty() ? "" : section + ".") + parameter.name + "=");
  }
  return keys;
}

std::vector<std::string> words_for(const std::vector<std::string>& before, const std::string& current) {
  const auto equals = current.find('=');
  if (equals == std::string::npos) return key_words(current, before);
  const auto key = current.substr(0, equals), value = current.substr(equals + 1);
  const auto begin = last_piece(value);
  const auto given = split(value.substr(0, begin), ',');
  std::vector<std::string> whole;
  for (const auto& one : values_of(key, before)) {
    const bool again = std::ranges::find(given, one) != given.end();
    if (!again) whole.push_back(current.substr(0, equals + 1 + begin) + one);
  }
  return whole;
}

}  // namespace

std::vector<std::string> plugin_names() {
  try {
    return known_plugins().names();
  } catch (const std::exception&) {
    return {};
  }
}

std::vector<std::string> override_words(const std::vector<std::string>& words, const std::string& current) {
  // Hydra's marks in front: + and ++ add a key.
  const auto marks = std::min(current.find_first_not_of('+'), current.size());
  try {
    auto found = words_for(words, current.substr(marks));
    for (auto& word : found) word.insert(0, current.substr(0, marks));
    return found;
  } catch (const std::exception&) {  // no home folder, a library that cannot be read
    return {};
  }
}

}  // namespace attnlab::cli
