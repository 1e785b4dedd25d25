/// until_significant.h: a question that seeds are added to until it is answered: its plan, what each
///   look at the data found, and how both stand in the store. Made by `attnlab grid
///   --until-significant`, read by compare and report.
///   The plan and the looks are facts of the study, "plan" and "look_001", as JSON, which exports and
///   merges take along; the view `looks` has them by rows. A look that is stored is never taken again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "framework/core/metric.h"
#include "framework/report/duel.h"
#include "framework/report/sequential.h"
#include "framework/report/table.h"
#include "framework/store/store.h"

namespace attnlab::report {

struct PlannedVariant {
  std::string label;    // "hash_sparse buckets=8"
  std::string against;  // the label of what it is compared with
  std::string metric;   // "val/bits_per_char"
  std::string cells;    // a digest of the fingerprints of all runs that it may need
  bool operator==(const PlannedVariant&) const = default;
};

struct SequentialPlan {
  std::string study;
  Spending spending = Spending::pocock;
  double alpha = 0.05;
  std::int64_t first_seed = 0;
  std::vector<std::int64_t> looks;  // pairs, that is seeds, at each
  std::vector<PlannedVariant> variants;
  bool operator==(const SequentialPlan&) const = default;
};

/// One variant at one look. `low` to `high` covers the true mean difference at every look with
/// probability 1 - alpha (Jennison & Turnbull's repeated interval, of this variant alone).
struct Tested {
  std::string variant;
  double difference = 0;  // mean of variant - against
  double low = 0, high = 0;
  double p = 1;      // two-sided, of this look alone
  double level = 0;  // what p was held against
  bool decided = false;
  Goal goal = Goal::minimise;
};

struct Look {
  std::int64_t number = 1;  // from 1
  std::int64_t pairs = 0;
  double spent = 0;  // of alpha, so far
  std::vector<Tested> tested;
  std::vector<std::string> refused;  // variants whose runs could not be made
  std::vector<std::string> notes;
};

struct Differences {
  std::string variant;
  std::vector<double> values;  // one a seed
  Goal goal = Goal::minimise;
};

/// What is known of the question.
struct Sequence {
  SequentialPlan plan;
  std::vector<std::vector<double>> levels;  // holm_levels()
  std::vector<Look> looks;

  /// Variants that no look has decided and that were not refused, in the plan's order.
  [[nodiscard]] std::vector<std::string> undecided() const;
  [[nodiscard]] bool over() const;  // none is undecided or all looks were taken
  /// The next look, at the differences of undecided variants. One that was refused counts for Holm's
  /// method as if it were still asked, so that a plan is the same before and after.
  [[nodiscard]] Look look_at(const std::vector<Differences>& differences) const;
};

/// Before the first look.
[[nodiscard]] Sequence sequence_of(SequentialPlan plan);

/// What is stored of the study's question, if there is one. Throws Error where it cannot be read.
[[nodiscard]] std::optional<Sequence> stored_sequence(const store::Reader& reader,
                                                      const std::string& study);
/// What differs between two plans, a line each.
[[nodiscard]] std::vector<std::string> differences_of(const SequentialPlan& before,
                                                      const SequentialPlan& now);

/// The plan as it is stored, or would be: of an equal one that stands there its own words.
[[nodiscard]] std::string plan_text(const store::Reader& reader, const Sequence& sequence);
/// For the store: the plan, with all levels, and its looks.
[[nodiscard]] store::Facts facts_of(const Sequence& sequence);

/// When it looks, and how small p must be there: look, pairs, alpha spent, t and p with all variants
/// undecided and with one.
[[nodiscard]] Table plan_table(const Sequence& sequence);
/// A line for each variant: the last look at it and its verdict.
[[nodiscard]] Table answer_table(const Sequence& sequence);
/// Sentences: how far it is, the plan, notes.
[[nodiscard]] std::vector<std::string> answer_words(const Sequence& sequence);
/// Table and words under a line that says why other p values of the study are not these; in the forms of
/// compare.
[[nodiscard]] std::string to_text(const Sequence& sequence);
[[nodiscard]] std::string to_markdown(const Sequence& sequence);
[[nodiscard]] std::string to_latex(const Sequence& sequence);
inline constexpr char kSequenceTitle[] =
    "Seeds of this study were added by looking at results, which p and intervals of one look do not allow for; these do:";

/// Puts what the looks found in place of what one test of all pairs would say: that one knows nothing of how
/// often the numbers were looked at. Of each variant against what it was planned against, by the metric
/// `asked` ("val/bits_per_char"); any other question of the study gets no interval, p and verdict.
void apply_looks(const Sequence& sequence, const std::string& asked, std::vector<Duel>& duels);

/// All of it as a JSON object on one line.
[[nodiscard]] std::string to_json(const Sequence& sequence);

}  // namespace attnlab::report
