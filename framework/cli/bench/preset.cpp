#include "framework/cli/bench/request.h"

#include "framework/config/bench_config.h"
#include "framework/config/yaml.h"
#include "framework/core/error.h"
#include "framework/core/paths.h"
#include "framework/core/text.h"

namespace attnlab::cli {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void bad(const config::Node& node, const std::string& why) {
  throw Error(
      node.origin().text() + ": " + why +
      "; expected `rows`, each with label, overrides (a list), goals (T: times faster) and " +
      "keys of the section bench");
}

std::string text_of(const config::Node& node, const char* what) {
  const auto* text = node.as_string();
  if (text == nullptr) bad(node, std::string(what) + " is no text");
  return *text;
}

std::vector<std::string> words_of(const config::Node& node) {
  if (!node.is_list()) bad(node, "overrides is no list");
  std::vector<std::string> words;
  for (const auto& word : node.as_list()) words.push_back(text_of(word, "an override"));
  return words;
}

std::map<std::int64_t, double> goals_of(const config::Node& node) {
  if (!node.is_map()) bad(node, "goals is no map");
  std::map<std::int64_t, double> goals;
  for (const auto& [key, value] : node.as_map()) {
    const auto lengths = config::lengths_of(key);
    if (lengths.size() != 1) bad(value, "the goal of '" + key + "' is for no length");
    const auto* whole = std::get_if<std::int64_t>(&value.value());
    const auto* real = std::get_if<double>(&value.value());
    if (whole == nullptr && real == nullptr) bad(value, "a goal is no number");
    goals[lengths[0]] = whole != nullptr ? static_cast<double>(*whole) : *real;
  }
  return goals;
}

BenchRow row_of(const config::Node& node, const BenchRow& shared) {
  if (!node.is_map()) bad(node, "a row is no map");
  BenchRow row = shared;
  for (const auto& [key, value] : node.as_map()) {
    if (key == "label") {
      row.label = text_of(value, "label");
    } else if (key == "goals") {
      row.goals = goals_of(value);
    } else if (key == "overrides") {
      for (auto& word : words_of(value)) row.overrides.push_back(std::move(word));
    } else {
      row.bench.set(key, value);
    }
  }
  return row;
}

}  // namespace

void read_bench_preset(const std::string& name, BenchRequest& request) {
  const bool is_file = name.ends_with(".yaml");
  const auto file =
      is_file ? fs::path(name) : paths::home() / "experiments" / "bench" / (name + ".yaml");
  if (!is_file && !fs::exists(file)) {
    throw Error("--preset: there is none named '" + name + "'." + did_you_mean(name, config::yaml_names(paths::home() / "experiments" / "bench")),
                kExitUsage);
  }
  const auto preset =
      config::load_yaml(file, is_file ? name : "experiments/bench/" + name + ".yaml").content;
  BenchRow shared;
  const config::Node* rows = nullptr;
  for (const auto& [key, value] : preset.as_map()) {
    if (key == "title") {
      request.title = text_of(value, "title");
    } else if (key == "overrides") {
      shared.overrides = words_of(value);
    } else if (key == "bench" && value.is_map()) {
      shared.bench = value;
    } else if (key == "rows" && value.is_list()) {
      rows = &value;
    } else {
      bad(value, "unknown key '" + key + "'");
    }
  }
  if (rows == nullptr || rows->as_list().empty()) bad(preset, "no rows");
  for (const auto& row : rows->as_list()) request.rows.push_back(row_of(row, shared));
}

void keep_rows(const std::string& text, std::vector<BenchRow>& rows) {
  std::string labels;
  for (const auto& row : rows) labels += "\n  " + row.label;
  std::erase_if(rows,
                [&](const BenchRow& row) { return row.label.find(text) == std::string::npos; });
  if (rows.empty()) {
    throw Error("--rows: no row's label has '" + text + "' in it:" + labels, kExitUsage);
  }
}

}  // namespace attnlab::cli
