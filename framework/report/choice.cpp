#include "framework/report/choice.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "framework/core/json_text.h"

namespace attnlab::report {
namespace {

constexpr std::size_t kMostFacets = 24, kMostFacetValues = 40, kMostSideBySide = 12;

bool fits(const RunRow& run, const Choice& choice) {
  const auto has = [&](const std::string& key, const std::string& value) {
    const auto found = run.config.find(key);
    return found != run.config.end() && found->second == value;
  };
  for (const auto& [key, any] : choice.where) {
    const auto same_key = [&, &key = key](const auto& one) { return one.first == key && has(key, one.second); };
    if (std::ranges::none_of(choice.where, same_key)) return false;
  }
  return choice.runs.empty() ||
         std::ranges::find(choice.runs, store::whole_of(run.value("id"))) != choice.runs.end();
}

/// Numbers by size, before texts.
bool in_natural_order(const std::string& a, const std::string& b) {
  const auto as_number = [](const std::string& text, double& number) {
    char* end = nullptr;
    number = std::strtod(text.c_str(), &end);
    return !text.empty() && *end == '\0';
  };
  double p = 0, q = 0;
  const bool a_is = as_number(a, p), b_is = as_number(b, q);
  if (a_is && b_is && p != q) return p < q;
  return a_is == b_is ? a < b : a_is;
}

/// A row for each key whose values are not the same in all runs.
void add_differing(Table& table, const Runs& runs, const std::string& prefix,
                   const std::map<std::string, std::string> RunRow::*texts) {
  std::set<std::string> keys;
  for (const auto& run : runs) {
    for (const auto& [key, value] : run.*texts) keys.insert(key);
  }
  for (const auto& key : keys) {
    std::vector<Cell> row{{prefix + key}};
    std::set<std::string> values;
    for (const auto& run : runs) {
      const auto found = (run.*texts).find(key);
      const auto value = found == (run.*texts).end() ? "" : short_digest(found->second);
      values.insert(value);
      row.push_back({value});
    }
    if (values.size() > 1) table.rows.push_back(row);
  }
}

}  // namespace

Runs chosen(Runs runs, const Choice& choice) {
  std::erase_if(runs, [&](const RunRow& run) { return !fits(run, choice); });
  return runs;
}

std::vector<Group> one_by_one(const std::vector<Group>& groups) {
  std::vector<Group> single;
  for (const auto& group : groups) {
    for (const auto& run : group.runs) {
      single.push_back({"run " + run.text("id") + ", " + group.label + ", seed " + run.text("seed"), group.attention, {run}});
    }
  }
  return single;
}

std::vector<Facet> facets_of(const Runs& runs) {
  std::map<std::string, std::set<std::string>> values;
  for (const auto& run : runs) {
    for (const auto& [key, value] : run.config) {
      if (auto& seen = values[key]; seen.size() <= kMostFacetValues) seen.insert(value);
    }
  }
  std::vector<Facet> facets;
  for (const auto& [key, seen] : values) {
    if (seen.size() < 2 || seen.size() > kMostFacetValues || facets.size() == kMostFacets) continue;
    Facet facet{key, {seen.begin(), seen.end()}};
    std::ranges::sort(facet.values, in_natural_order);
    facets.insert(key == "attention.name" ? facets.begin() : facets.end(), std::move(facet));
  }
  return facets;
}

std::string facets_json(const std::vector<Facet>& facets) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& facet : facets) list.push_back({facet.key, facet.values});
  return json_text(list);
}

Table side_by_side(const Runs& all) {
  const Runs runs(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), kMostSideBySide)));
  Table table{{{"what", Align::left}}, {}};
  for (const auto& run : runs) table.columns.push_back({"run " + run.text("id"), Align::right});
  const std::pair<Column, std::string> results[]{
      {{"status"}, "status"},
      {{"seed"}, "seed"},
      {{"score", Align::right, Format::automatic}, score_title(runs) + " (val)"},
      {{"train_loss"}, "train/loss"},
      {{"tokens_per_second", Align::right, Format::grouped}, "tokens/s"},
      {{"allocator_peak_bytes", Align::right, Format::bytes}, "allocator peak"},
      {{"process_peak_bytes", Align::right, Format::bytes}, "process peak"},
      {{"parameters", Align::right, Format::grouped}, "parameters"},
      {{"last_step", Align::right, Format::grouped}, "last step"},
      {{"seconds", Align::right, Format::duration}, "took"}};
  for (const auto& [column, title] : results) {
    std::vector<Cell> row{{title}};
    for (const auto& run : runs) {
      const auto value = run.value(column.name);
      row.push_back({value, display({value}, column.format)});
    }
    table.rows.push_back(row);
  }
  add_differing(table, runs, "", &RunRow::config);
  add_differing(table, runs, "what counts: ", &RunRow::origin);
  add_differing(table, runs, "", &RunRow::facts);
  return table;
}

}  // namespace attnlab::report
