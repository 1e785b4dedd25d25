#include "framework/report/study.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>

namespace attnlab::report {
namespace {

std::set<std::string> ambiguous_data_sets(const Runs& runs) {
  std::map<std::string, std::string> content;  // by the config's section
  std::set<std::string> ambiguous;
  for (const auto& run : runs) {
    const auto data = run.origin.find("data");
    if (data == run.origin.end()) continue;
    std::string section;
    for (const auto& [key, value] : run.config) {
      if (key.starts_with("dataset.")) section += key + "=" + value + "\n";
    }
    const auto known = content.emplace(section, data->second).first;
    if (known->second != data->second) ambiguous.insert(run.text("dataset"));
  }
  return ambiguous;
}

void name_data(std::vector<Group>& groups, const std::set<std::string>& ambiguous) {
  for (auto& group : groups) {
    const auto& run = group.runs[0];
    const auto data = run.origin.find("data");
    const auto digest = data == run.origin.end() ? std::string() : short_digest(data->second);
    const auto name = run.text("dataset");
    if (group.label.find("dataset.name=") == std::string::npos) group.label += ", on " + name;
    if (ambiguous.contains(name) && group.label.find("data=" + digest) == std::string::npos) group.label += " " + digest;
  }
}

}  // namespace

std::vector<Group> groups_for_figure(const Runs& runs) {
  std::vector<Group> groups, running;
  for (auto& group : groups_of(runs)) {
    Runs ended;
    for (auto& run : group.runs) {
      if (run.text("status") == "running") {
        running.push_back({group.label + ", seed " + run.text("seed") + " (running)", group.attention, {std::move(run)}});
      } else {
        ended.push_back(std::move(run));
      }
    }
    if (ended.empty()) continue;
    const bool any_done = std::ranges::any_of(ended, [](const RunRow& run) { return run.text("status") == "done"; });
    const auto label = group.label + (any_done ? "" : " (" + listed(ended, "status") + ")");
    groups.push_back({label, group.attention, std::move(ended)});
  }
  std::ranges::move(running, std::back_inserter(groups));
  if (by_data_set(runs).size() > 1) name_data(groups, ambiguous_data_sets(runs));
  return groups;
}

std::vector<Runs> by_data_set(Runs runs) {
  const auto ambiguous = ambiguous_data_sets(runs);
  std::vector<Runs> tables;
  std::map<std::string, std::size_t> known;
  for (auto& run : runs) {
    auto key = run.text("dataset");
    if (ambiguous.contains(key)) key += "\n" + run.origin["data"];
    const auto [at, is_new] = known.emplace(key, tables.size());
    if (is_new) tables.emplace_back();
    tables[at->second].push_back(std::move(run));
  }
  return tables;
}

}  // namespace attnlab::report
