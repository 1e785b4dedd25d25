/// versus.h: the variants of a study against one of them, with how sure each difference is.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "framework/report/duel.h"
#include "framework/report/measure.h"
#include "framework/report/table.h"

namespace attnlab::report {

/// One measure: the chosen variant first, then by the measure, the floor `none` last.
struct Question {
  std::string words;  // what is compared, how, and what the columns mean
  Table table;
  std::vector<std::string> notes;  // pairs that share less than they should, runs without a number
};

/// All variants on one data set.
struct Versus {
  std::string caption;  // as in Comparison
  std::vector<Question> questions;
  Table fairness;                     // fairness.h
  std::vector<std::string> run_ids;   // "dense: runs 1, 2, 3", for those who want to check
};

struct VersusRequest {
  std::string against;  // a label of `attnlab compare`, or an attention's name
  std::optional<Budget> budget = {};  // the score when so much was spent instead of at the end ...
  std::optional<double> amount = {};  // ... of it; empty: the most that all have spent
  std::optional<double> target = {};  // instead: seconds and steps until the score was so low
};

/// Whom each variant meets is opponents.h's; data sets without the chosen variant are left out, and a note says so.
/// Throws Error as runs_of_study() does, and where no data set has the chosen variant or none of several can be told
/// to be meant.
[[nodiscard]] std::vector<Versus> versus(const store::Reader& reader, const std::string& study,
                                         const VersusRequest& request);
/// The same of runs that were read before.
[[nodiscard]] std::vector<Versus> versus(const store::Reader& reader, const std::string& study,
                                         const Runs& runs, const VersusRequest& request);

[[nodiscard]] std::string to_text(const Versus& versus);
/// A paper's tables: what is significantly better is bold, the runs stand in a comment.
[[nodiscard]] std::string to_markdown(const Versus& versus);
[[nodiscard]] std::string to_latex(const Versus& versus);

}  // namespace attnlab::report
