#include "framework/plan/labels.h"

#include <algorithm>
#include <map>
#include <set>

namespace attnlab::plan {
namespace {

// Values by what they are compared under: "seed", "dataset", "attention:hash_sparse.buckets".
struct Value {
  std::string shown;  // the key as it stands in the label
  std::string text;
};
using Values = std::vector<std::pair<std::string, Value>>;

void flatten(const config::Node& node, const std::string& key, const std::string& shown,
             Values& values) {
  if (!node.is_map()) {
    values.emplace_back(key, Value{shown, node.text()});
    return;
  }
  for (const auto& [name, child] : node.as_map()) {
    flatten(child, key + "." + name, shown.empty() ? name : shown + "." + name, values);
  }
}

Values values_of(const plan::Cell& cell) {
  const auto& cosmetic = cell.resolved.cosmetic;
  Values values;
  for (const auto& [section, node] : cell.resolved.config.as_map()) {
    const config::Node* name = node.is_map() ? node.find("name") : nullptr;
    if (name == nullptr) {
      flatten(node, section, section, values);
      continue;
    }
    const std::string group = section + ":" + name->text();
    if (section != "attention") values.emplace_back(section, Value{section, name->text()});
    for (const auto& [key, child] : node.as_map()) {
      if (key == "name") continue;
      if (std::ranges::find(cosmetic, section + "." + key) != cosmetic.end()) continue;
      flatten(child, group + "." + key, section == "attention" ? key : section + "." + key, values);
    }
  }
  std::erase_if(values, [&](const auto& value) {
    return std::ranges::find(cosmetic, value.first) != cosmetic.end();
  });
  return values;
}

}  // namespace

std::vector<std::string> labels_of(const std::vector<plan::Cell>& cells) {
  std::vector<Values> all;
  std::map<std::string, std::set<std::string>> seen;
  for (const auto& cell : cells) {
    all.push_back(values_of(cell));
    for (const auto& [key, value] : all.back()) seen[key].insert(value.text);
  }
  std::vector<std::string> labels;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    std::string label = cells[i].variant;
    for (const auto& [key, value] : all[i]) {
      if (seen[key].size() > 1) label += " " + value.shown + "=" + value.text;
    }
    labels.push_back(std::move(label));
  }
  return labels;
}

}  // namespace attnlab::plan
