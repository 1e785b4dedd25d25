/// measure.h: the number of each run that a comparison is about; lower is better.
///   Functions are pure but for the Reader. Of a run they read some tens of rows, however long its
///   curve is.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "framework/report/study.h"

namespace attnlab::report {

struct Measure {
  std::string name;   // for machines: "score", "seconds"
  std::string title;  // what people see: "bits/char (val)"
  std::string words;  // in a sentence: "bits/char (val) at the end of training"
  std::map<std::int64_t, double> values;        // by run, of done runs
  std::map<std::int64_t, std::string> without;  // runs that have no number, and why
  std::string key{};                            // of a run's last number: "val/bits_per_char"; empty: it is another one
  bool by_result = false;                       // whether a run is without a number because of how its score went

  [[nodiscard]] double of(const RunRow& run) const;  // NaN where there is none
};

/// What a run spends. FLOPs are tokens times flops_per_token().
enum class Budget { steps, seconds, tokens, flops };
/// "steps", "seconds", "tokens" or "flops". Throws Error naming the four.
[[nodiscard]] Budget budget_from(const std::string& name);

/// The last validation score.
[[nodiscard]] Measure final_score(const Runs& runs);

/// The score when `amount` was spent, linear between the validations before and after; empty: the
/// most that every run with a curve has spent. A run that was validated not before, or not after, has none.
[[nodiscard]] Measure score_at(const store::Reader& reader, const Runs& runs, Budget budget,
                               std::optional<double> amount);

/// What was spent when the validation score first was `target` or lower, linear between the
/// validations before and after. A run that never was has none.
[[nodiscard]] Measure spent_until(const store::Reader& reader, const Runs& runs, Budget budget,
                                  double target);

}  // namespace attnlab::report
