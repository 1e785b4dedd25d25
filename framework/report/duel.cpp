#include "framework/report/duel.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace attnlab::report {
namespace {

using BySeed = std::map<std::string, const RunRow*>;

BySeed by_seed(const Group& group, const Measure& measure) {
  BySeed runs;
  for (const auto& run : group.runs) {
    if (!std::isnan(measure.of(run))) runs[run.text("seed")] = &run;
  }
  return runs;
}

std::vector<LostRun> lost_of(const Group& group, const Measure& measure) {
  std::vector<LostRun> lost;
  for (const auto& run : group.runs) {
    if (!std::isnan(measure.of(run))) continue;
    const auto why = measure.without.find(store::whole_of(run.value("id")));
    const auto status = run.text("status");
    if (why != measure.without.end()) lost.push_back({run.text("seed"), why->second, measure.by_result});
    else lost.push_back({run.text("seed"), status == "done" ? "has no number" : status, status == "failed" || status == "done"});
  }
  return lost;
}

bool any_by_result(const std::vector<LostRun>& lost) { return std::ranges::any_of(lost, &LostRun::by_result); }

std::set<std::string> seeds_of(const Group& group) {
  std::set<std::string> seeds;
  for (const auto& run : group.runs) seeds.insert(run.text("seed"));
  return seeds;
}

Sample seeds_sample(const BySeed& runs, const std::vector<std::string>& seeds, const Measure& measure) {
  std::vector<double> numbers;
  for (const auto& seed : seeds) numbers.push_back(measure.of(*runs.at(seed)));
  return sample_of(numbers);
}

/// Whether both stored the digest and whether it is the same.
enum class SameFact { yes, no, unknown };
SameFact same_fact(const RunRow& one, const RunRow& two, const std::string& fact) {
  const auto first = one.facts.find(fact), second = two.facts.find(fact);
  if (first == one.facts.end() || second == two.facts.end()) return SameFact::unknown;
  return first->second == second->second ? SameFact::yes : SameFact::no;
}

void look_at_digests(Duel& duel, const std::string& seed, const RunRow& own, const RunRow& other) {
  const auto weights = same_fact(own, other, "initial_weights");
  const auto batches = same_fact(own, other, "training_batches");
  if (weights == SameFact::no) duel.other_weights.push_back(seed);
  if (batches == SameFact::no) duel.other_batches.push_back(seed);
  if (weights == SameFact::unknown || batches == SameFact::unknown) duel.unknown.push_back(seed);
}

}  // namespace

Verdict Duel::verdict() const {
  if (own == other) return Verdict::none;
  if (of_looks) return *of_looks;
  if (!diverged.empty()) return Verdict::not_finite;
  if (std::isnan(corrected)) return Verdict::too_few;
  if (test.differences.deviation == 0 && test.differences.mean == 0) return Verdict::equal;
  if (corrected >= kAlpha) return Verdict::not_shown;
  return test.differences.mean < 0 ? Verdict::better : Verdict::worse;
}

bool Duel::of_survivors() const {
  switch (verdict()) {
    case Verdict::better: case Verdict::worse: case Verdict::not_shown: case Verdict::equal: case Verdict::open:
      return any_by_result(lost) || any_by_result(other_lost);
    default:
      return false;
  }
}

Duel duel(const Group& own, const Group& other, const Measure& measure) {
  Duel result;
  result.own = &own;
  result.other = &other;
  const auto first = by_seed(own, measure), second = by_seed(other, measure);
  result.lost = lost_of(own, measure);
  result.other_lost = lost_of(other, measure);
  const auto own_ran = seeds_of(own), other_ran = seeds_of(other);
  for (auto& run : result.other_lost) run.by_result = run.by_result && own_ran.contains(run.seed);  // else no pair was lost
  std::vector<double> all, differences;
  for (const auto& [seed, run] : first) {
    all.push_back(measure.of(*run));
    const auto partner = second.find(seed);
    if (partner == second.end()) {
      if (!other_ran.contains(seed)) result.unpaired.push_back(seed);
      continue;
    }
    result.seeds.push_back(seed);
    differences.push_back(measure.of(*run) - measure.of(*partner->second));
    if (!std::isfinite(differences.back())) result.diverged.push_back(seed);
    look_at_digests(result, seed, *run, *partner->second);
  }
  for (const auto& [seed, run] : second) {
    if (!first.contains(seed) && !own_ran.contains(seed)) result.unpaired.push_back(seed);
  }
  result.own_sample = sample_of(all);
  result.test = paired_test(differences, kAlpha);
  result.corrected = result.test.p;
  const double spread = std::hypot(seeds_sample(first, result.seeds, measure).deviation,
                                   seeds_sample(second, result.seeds, measure).deviation) /
                        std::sqrt(2);
  result.effect = spread > 0 ? result.test.differences.mean / spread : NAN;
  return result;
}

void correct(std::vector<Duel>& duels) {
  std::vector<double> p;
  for (const auto& duel : duels) p.push_back(duel.own == duel.other ? NAN : duel.test.p);
  const auto corrected = holm(p);
  for (std::size_t i = 0; i < duels.size(); ++i) duels[i].corrected = corrected[i];
}

std::string verdict_text(const Duel& duel) {
  const auto pairs = duel.seeds.size();
  const std::string of_what = duel.of_survivors() ? " where both have a number" : "";
  switch (duel.verdict()) {
    case Verdict::better:
      return "better" + of_what;
    case Verdict::worse:
      return "worse" + of_what;
    case Verdict::not_shown:
      return "no difference shown" + of_what;
    case Verdict::equal:
      return "the same numbers" + of_what;
    case Verdict::too_few:
      return std::to_string(pairs) + (pairs == 1 ? " pair" : " pairs") + ": no verdict";
    case Verdict::open:
      return "open: seeds are being added" + of_what;
    case Verdict::unplanned:
      return "no verdict: seeds were added by looking";
    case Verdict::not_finite:
      return "no verdict: infinite";
    case Verdict::none:
      break;
  }
  return "";
}

}  // namespace attnlab::report
