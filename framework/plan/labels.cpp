#include "framework/plan/labels.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "framework/core/text.h"

namespace attnlab::plan {
namespace {

using config::Node;

// Keys by what they are compared under: "seed", "dataset", "attention:hash_sparse.buckets".
struct Value {
  const std::string& key;
  const std::string& shown;  // the key as it stands in the label
  const Node& node;
};
using Visit = std::function<void(const Value&)>;

// Leaves of the node's children, without cosmetic ones. `path` is the node's own in the config.
void visit_children(const Node& node, const std::string& path, const std::string& key,
                    const std::string& shown, const std::vector<std::string>& cosmetic,
                    const Visit& visit) {
  for (const auto& [name, child] : node.as_map()) {
    const auto child_path = key_below(path, name);
    if (std::ranges::find(cosmetic, child_path) != cosmetic.end()) continue;
    const auto child_key = key_below(key, name), child_shown = key_below(shown, name);
    if (child.is_map()) {
      visit_children(child, child_path, child_key, child_shown, cosmetic, visit);
    } else {
      visit({child_key, child_shown, child});
    }
  }
}

// A section with a name is compared within that name; the attention's name stands in every label.
void visit_values(const Cell& cell, const std::function<bool(const std::string&)>& wants,
                  const Visit& visit) {
  const auto& cosmetic = cell.resolved.cosmetic;
  for (const auto& [section, node] : cell.resolved.config.as_map()) {
    const Node* name = node.find("name");
    const std::string group = name == nullptr ? section : section + ":" + name->text();
    if (name != nullptr && section != "attention") visit({section, section, *name});
    if (!wants(group)) continue;
    if (!node.is_map()) {
      if (std::ranges::find(cosmetic, section) == cosmetic.end()) visit({section, section, node});
      continue;
    }
    const Visit but_name = [&](const Value& value) {
      if (&value.node != name) visit(value);
    };
    visit_children(node, section, group, section == "attention" ? "" : section, cosmetic, but_name);
  }
}

bool same(const Node& one, const Node& other) {
  const auto *text = one.as_string(), *other_text = other.as_string();
  if (text != nullptr && other_text != nullptr) return *text == *other_text;
  const auto *number = std::get_if<std::int64_t>(&one.value()),
             *other_number = std::get_if<std::int64_t>(&other.value());
  if (number != nullptr && other_number != nullptr) return *number == *other_number;
  return one.text() == other.text();
}

}  // namespace

std::vector<std::string> labels_of(const std::vector<Cell>& cells) {
  std::map<std::string, const Node*> first;
  std::set<std::string> varying, groups;  // keys, and the groups that have some
  for (const auto& cell : cells) {
    visit_values(cell, [](const auto&) { return true; }, [&](const Value& value) {
      const auto [found, is_new] = first.try_emplace(value.key, &value.node);
      if (is_new || same(*found->second, value.node)) return;
      varying.insert(value.key);
      groups.insert(value.key.substr(0, value.key.find('.')));
    });
  }
  std::vector<std::string> labels;
  labels.reserve(cells.size());
  for (const auto& cell : cells) {
    std::string& label = labels.emplace_back(cell.variant);
    visit_values(cell, [&](const auto& group) { return groups.contains(group); },
                 [&](const Value& value) {
                   if (!varying.contains(value.key)) return;
                   label += " " + value.shown + "=" + value.node.text();
                 });
  }
  return labels;
}

}  // namespace attnlab::plan
