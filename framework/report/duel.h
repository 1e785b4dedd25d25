/// duel.h: one variant against another, seed by seed. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "framework/report/measure.h"
#include "framework/report/statistics.h"

namespace attnlab::report {

/// The share of equal variants that may be called different by mistake.
inline constexpr double kAlpha = 0.05;

enum class Verdict {
  better, worse, not_shown, equal, too_few, not_finite,
  open,       // looks go on
  unplanned,  // seeds were added by looking, for another question than this
  none
};

/// A run that has no number.
struct LostRun {
  std::string seed, why;   // "failed", "running", "never reached 1.2"
  bool by_result = false;  // because of how it went: those that are left are better than all would be
};

/// Runs of one seed start from the same initial weights and see the same batches, so that much of
/// their luck is shared; whether they did is read from the digests that they stored.
struct Duel {
  const Group* own = nullptr;
  const Group* other = nullptr;
  Sample own_sample;            // over all runs that have a number
  std::vector<std::string> seeds;     // that both have
  std::vector<std::string> unpaired;  // of which one has a number and the other no run
  std::vector<LostRun> lost, other_lost;  // of `own` and of `other`
  std::vector<std::string> diverged;  // of pairs in which a number is infinite: no test
  PairedTest test;                    // own - other
  double corrected = 1;               // p, for the number of variants; see correct()
  std::optional<Verdict> of_looks{};  // set where seeds were added by looking: instead of what `corrected` says
  double effect = 0;                  // mean difference in standard deviations over seeds

  // Seeds of pairs that do not share them, and of those that did not store it.
  std::vector<std::string> other_weights, other_batches, unknown;

  [[nodiscard]] Verdict verdict() const;
  /// Whether a verdict is of what is left after runs were lost by their result.
  [[nodiscard]] bool of_survivors() const;
};

[[nodiscard]] Duel duel(const Group& own, const Group& other, const Measure& measure);
/// Sets `corrected` by Holm's method over all of them.
void correct(std::vector<Duel>& duels);

/// "better", "no difference shown", "2 pairs: no verdict"; "better where both have a number" of survivors.
[[nodiscard]] std::string verdict_text(const Duel& duel);

}  // namespace attnlab::report
