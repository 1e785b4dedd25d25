/// choice.h: some runs of a study: those with these config values, or those that a person chose one by one.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "framework/report/study.h"
#include "framework/report/table.h"

namespace attnlab::report {

struct Choice {
  std::vector<std::pair<std::string, std::string>> where;  // config key and value; of one key any of its values
  std::vector<std::int64_t> runs;                          // empty: all
  [[nodiscard]] bool is_all() const { return where.empty() && runs.empty(); }
};

/// Those that fit, in their order.
[[nodiscard]] Runs chosen(Runs runs, const Choice& choice);

/// A group of its own for every run: "run 7, hash_sparse buckets=8, seed 0".
[[nodiscard]] std::vector<Group> one_by_one(const std::vector<Group>& groups);

/// A config key that varies between runs, with its values in natural order.
struct Facet {
  std::string key;
  std::vector<std::string> values;
};
/// `attention.name` first. Keys with more than 40 values are left to the tables' filters; at most 24 facets.
[[nodiscard]] std::vector<Facet> facets_of(const Runs& runs);
/// [["seed", ["0", "1"]], ...]
[[nodiscard]] std::string facets_json(const std::vector<Facet>& facets);

/// A column for each of at most 12 runs, a row for each result, and for what differs in config, code, data and facts.
[[nodiscard]] Table side_by_side(const Runs& runs);

}  // namespace attnlab::report
