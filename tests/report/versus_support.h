/// versus_support.h: variants of one study, seed by seed, and what a comparison says of them.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "framework/report/versus.h"
#include "tests/report/study_support.h"

namespace attnlab::report {

inline store::Facts digests(const std::string& weights, const std::string& batches) {
  return {{"initial_weights", weights}, {"training_batches", batches}, {"shared", "0"}};
}

class Against : public store::InStore {
 protected:
  void add(const std::string& attention, const std::vector<double>& scores, double seconds_per_step = 0.1) {
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const auto seed = std::to_string(i);
      add_run(store_, {.attention = attention,
                       .seed = static_cast<int>(i),
                       .score = scores[i],
                       .facts = digests("w" + seed, "b" + seed),
                       .seconds_per_step = seconds_per_step});
    }
  }
  [[nodiscard]] std::vector<Versus> all(VersusRequest request = {.against = "dense"}) const {
    return versus(store::Reader(path_), "demo", request);
  }
  [[nodiscard]] Question asked(VersusRequest request = {.against = "dense"}) const {
    return all(std::move(request)).at(0).questions.at(0);
  }
  static store::Value value(const Table& table, std::size_t row, const std::string& name) {
    const auto column = std::ranges::find(table.columns, name, &Column::name);
    return table.rows.at(row).at(static_cast<std::size_t>(column - table.columns.begin())).value;
  }
  static double number(const Table& table, std::size_t row, const std::string& name) {
    return report::number(value(table, row, name));
  }
  static std::string word(const Table& table, std::size_t row, const std::string& name) {
    return exact(value(table, row, name));
  }
  [[nodiscard]] std::string finding(const std::string& what) const {
    const auto versus = all();
    for (const auto& row : versus[0].fairness.rows) {
      if (exact(row[1].value) == what) return exact(row[0].value) + " " + exact(row[2].value);
    }
    return "no such line";
  }
};

}  // namespace attnlab::report
