#include "framework/report/opponents.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace attnlab::report {
namespace {

using Texts = std::map<std::string, std::string>;
using Candidates = std::vector<const Group*>;

Texts surroundings(const Group& group) {
  auto config = group.runs[0].config;
  std::erase_if(config, [](const auto& item) {
    return item.first == "seed" || item.first.starts_with("attention.");
  });
  return config;
}

Texts origin_but_plugin(const Group& group) {
  auto origin = group.runs[0].origin;
  origin.erase("plugin");
  return origin;
}

/// A label names one group; an attention may name several.
Candidates bearers_of(const std::vector<Group>& groups, const std::string& against) {
  Candidates named;
  for (const auto& group : groups) {
    if (group.label == against) return {&group};
    if (group.attention == against) named.push_back(&group);
  }
  return named;
}

/// Keys in which the surroundings of two groups differ, "train.steps, train.learning_rate".
std::vector<std::string> other_keys(const Group& one, const Group& two) {
  const auto first = surroundings(one), second = surroundings(two);
  std::vector<std::string> keys;
  for (const auto& [key, value] : first) {
    const auto found = second.find(key);
    if (found == second.end() || found->second != value) keys.push_back(key);
  }
  for (const auto& [key, value] : second) {
    if (!first.contains(key)) keys.push_back(key);
  }
  return keys;
}

/// Those among whom `group` has to choose: more than one where nothing tells which is meant.
Candidates fitting(const Group& group, const Candidates& named) {
  if (named.size() == 1 || std::ranges::find(named, &group) != named.end()) {
    return {named.size() == 1 ? named[0] : &group};
  }
  const auto those = [&](const Candidates& all, Texts (*what)(const Group&)) {
    Candidates equal;
    for (const auto* one : all) {
      if (what(*one) == what(group)) equal.push_back(one);
    }
    return equal;
  };
  auto same_config = those(named, surroundings);
  if (same_config.size() < 2) return same_config;
  auto same_origin = those(same_config, origin_but_plugin);
  return same_origin.empty() ? same_config : same_origin;
}

std::vector<std::string> labels_of(const Candidates& groups) {
  std::vector<std::string> labels;
  for (const auto* group : groups) labels.push_back(group->label);
  return labels;
}

/// What keeps `group` from the nearest of those that bear the name.
std::string no_partner(const Group& group, const Candidates& named, const std::string& against) {
  std::vector<std::string> fewest;
  for (const auto* one : named) {
    const auto keys = other_keys(group, *one);
    if (fewest.empty() || keys.size() < fewest.size()) fewest = keys;
  }
  return fmt::format("{}: not compared, because no {} has its config; the nearest differs in {}", group.label,
                     against, listed(fewest));
}

}  // namespace

bool Opponents::any() const {
  return std::ranges::any_of(of, [](const Group* group) { return group != nullptr; });
}

bool Opponents::name_is_open() const {
  const auto compared = static_cast<std::size_t>(std::ranges::count_if(of, [](const Group* group) { return group != nullptr; }));
  return named.size() > 1 && compared == named.size();
}

Opponents opponents(const std::vector<Group>& groups, const std::string& against) {
  const auto named = bearers_of(groups, against);
  Opponents found{{}, labels_of(named), {}};
  for (const auto& group : groups) {
    const auto fits = fitting(group, named);
    found.of.push_back(fits.size() == 1 ? fits[0] : nullptr);
    if (named.empty() || fits.size() == 1) continue;
    found.notes.push_back(fits.empty() ? no_partner(group, named, against)
                                       : fmt::format("{}: not compared, because several have its config: {}; name one with "
                                                     "--against", group.label, listed(labels_of(fits))));
  }
  return found;
}

}  // namespace attnlab::report
