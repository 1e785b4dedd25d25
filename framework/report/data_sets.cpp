#include "framework/report/study.h"

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

}  // namespace

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
