#include "framework/report/versus.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <set>

#include "framework/core/error.h"
#include "framework/core/process.h"
#include "framework/core/text.h"
#include "framework/report/fairness.h"
#include "framework/report/opponents.h"
#include "framework/report/until_significant.h"

namespace attnlab::report {
namespace {

std::vector<Duel> duels_of(const std::vector<Group>& groups, const Opponents& others, const Measure& measure,
                           const std::optional<Sequence>& sequence) {
  std::vector<Duel> duels;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (others.of[i] != nullptr) duels.push_back(duel(groups[i], *others.of[i], measure));
  }
  correct(duels);
  if (sequence) apply_looks(*sequence, measure.key, duels);
  std::ranges::stable_sort(duels, {}, [](const Duel& duel) {
    const double mean = duel.own_sample.mean;
    return std::tuple{duel.own != duel.other, duel.own->attention == "none", std::isnan(mean),
                      std::isnan(mean) ? 0 : mean};
  });
  return duels;
}

std::string p_text(double p) { return p < 1e-4 ? "< 0.0001" : fmt::format("{:.4f}", p); }

Cell score_cell(const Duel& duel) {
  const auto& [count, mean, deviation] = duel.own_sample;
  const auto text = [large = std::abs(mean)](double number) {
    if (large >= 1e6) return fmt::format("{:.4g}", number);
    return fmt::format("{:.{}f}", number, large < 100 ? 3 : 1);
  };
  auto cell = number_cell(
      mean, std::isnan(deviation) ? text(mean) : text(mean) + " ± " + text(deviation));
  cell.strong = duel.verdict() == Verdict::better && !duel.of_survivors();
  return cell;
}

std::vector<Cell> row_of(const Duel& duel, const Measure& measure, const std::string& data) {
  const auto& test = duel.test;
  const bool chosen = duel.own == duel.other;
  const auto told = [&](double number, const std::string& text) {
    return chosen || std::isnan(number) ? Cell{} : number_cell(number, text);
  };
  return {{duel.own->label},
          score_cell(duel),
          number_cell(duel.own_sample.deviation),
          told(test.differences.mean, fmt::format("{:+.4g}", test.differences.mean)),
          told(test.low, fmt::format("[{:.3g}, {:.3g}]", test.low, test.high)),
          told(test.high, ""),
          told(duel.corrected, p_text(duel.corrected)),
          told(test.p, ""),
          told(duel.effect, fmt::format("{:+.2f}", duel.effect)),
          chosen ? Cell{} : Cell{static_cast<std::int64_t>(duel.seeds.size())},
          {chosen ? "" : verdict_text(duel)},
          {duel.other->label},
          {measure.name},
          {data},
          {static_cast<std::int64_t>(duel.own_sample.count)}};
}

/// Labels of what the rows are compared with.
std::set<std::string> partners_of(const std::vector<Duel>& duels) {
  std::set<std::string> partners;
  for (const auto& duel : duels) {
    if (duel.own != duel.other || duels.size() == 1) partners.insert(duel.other->label);
  }
  return partners;
}

Table table_of(const std::vector<Duel>& duels, const Measure& measure, const std::string& data) {
  const bool one_partner = partners_of(duels).size() < 2;
  const bool mean_of_pairs = std::ranges::all_of(duels, [&](const Duel& duel) {
    return static_cast<std::size_t>(duel.own_sample.count) == duel.seeds.size();
  });
  Table table{{{"attention", Align::left},
               {"mean", Align::right, Format::fixed3, measure.title},
               {"std", Align::right, Format::fixed3, "", true},
               {"difference"},
               {"low", Align::right, Format::automatic, "95 % interval"},
               {"high", Align::right, Format::automatic, "", true},
               {"p", Align::right, Format::automatic, "p (Holm)"},
               {"p_alone", Align::right, Format::automatic, "", true},
               {"effect"},
               {"pairs"},
               {"verdict", Align::left},
               {"against", Align::left, Format::automatic, "", one_partner},
               {"measure", Align::left, Format::automatic, "", true},
               {"data", Align::left, Format::automatic, "", true},
               {"runs", Align::right, Format::automatic, "runs of mean", mean_of_pairs}},
              {}};
  for (const auto& duel : duels) table.rows.push_back(row_of(duel, measure, data));
  return table;
}

std::string words_of(const std::vector<Duel>& duels, const Measure& measure,
                     const std::string& against) {
  const auto asked = std::ranges::count_if(
      duels, [](const Duel& duel) { return !std::isnan(duel.corrected); });
  const auto partners = partners_of(duels);
  const auto question = fmt::format("{}, each variant minus {}, paired by seed; lower is better.\n", measure.words,
                                    partners.size() == 1 ? *partners.begin() : "the " + against + " of its own config (against)");
  if (std::ranges::any_of(duels, [](const Duel& duel) { return duel.of_looks.has_value(); })) {
    return question + "Seeds were added by looking at results: intervals and verdicts are those of the looks. "
                      "Effect: in standard deviations over seeds.";
  }
  return question +
         fmt::format("Intervals: Student's t over the pairs, 95 % each. p: {}. Effect: in standard deviations over seeds.",
                     asked == 0 ? "needs three pairs"
                                : fmt::format("corrected for {} variant{} (Holm)", asked, asked == 1 ? "" : "s"));
}

/// "sink, seed 3, 4: failed" of each reason.
void add_lost(const std::string& label, const std::vector<LostRun>& lost, std::vector<std::string>& parts) {
  std::map<std::string, std::vector<std::string>> seeds;
  for (const auto& run : lost) {
    if (run.by_result) seeds[run.why].push_back(run.seed);
  }
  for (const auto& [why, of] : seeds) parts.push_back(fmt::format("{}, seed {}: {}", label, listed(of), why));
}

std::vector<std::string> notes_of(const std::vector<Duel>& duels, const Measure& measure) {
  std::vector<std::string> notes;
  const auto note = [&](const Duel& duel, const std::vector<std::string>& seeds, const char* what) {
    if (seeds.empty()) return;
    notes.push_back(fmt::format("{} and {}, seed {}: {}", duel.own->label, duel.other->label,
                                listed(seeds), what));
  };
  for (const auto& duel : duels) {
    note(duel, duel.other_weights, "other initial weights, so these pairs share less");
    note(duel, duel.other_batches, "other batches, so these pairs share less");
    note(duel, duel.unknown, "no digests stored of what they share");
    note(duel, duel.diverged, "an infinite number, of which no test is made");
    if (!duel.of_survivors()) continue;
    std::vector<std::string> lost;
    add_lost(duel.own->label, duel.lost, lost);
    add_lost(duel.other->label, duel.other_lost, lost);
    notes.push_back(join(lost, "; ") + ". What is said of " + duel.own->label + " holds only where both have a number");
  }
  std::map<std::string, std::vector<std::string>> reasons;
  for (const auto& [run, why] : measure.without) reasons[why].push_back(std::to_string(run));
  for (const auto& [why, runs] : reasons) notes.push_back("run " + listed(runs) + ": " + why);
  return notes;
}

std::vector<std::string> run_ids_of(const std::vector<Duel>& duels) {
  std::vector<std::string> lines;
  for (const auto& duel : duels) {
    std::vector<std::string> ids;
    for (const auto& run : duel.own->runs) ids.push_back(run.text("id"));
    lines.push_back(duel.own->label + ": runs " + join(ids, ", "));
  }
  return lines;
}

std::vector<Measure> measures_for(const store::Reader& reader, const Runs& runs,
                                  const VersusRequest& request) {
  if (request.target) {
    return {spent_until(reader, runs, Budget::seconds, *request.target),
            spent_until(reader, runs, Budget::steps, *request.target)};
  }
  if (request.budget) return {score_at(reader, runs, *request.budget, request.amount)};
  return {final_score(runs)};
}

[[noreturn]] void no_such_variant(const std::vector<std::string>& labels, const std::string& study,
                                  const std::string& against) {
  throw Error("the study '" + study + "' has no variant '" + against + "'." + did_you_mean(against, labels) +
                  " attnlab compare --study " + shell_quoted(study) + " lists them.",
              kExitUsage);
}

[[noreturn]] void name_one(const std::vector<std::string>& named, const std::string& study, const std::string& against) {
  throw Error("the study '" + study + "' has several variants '" + against + "': " + join(named, ", ") +
                  ". Name the one that is meant, for instance --against " + shell_quoted(named[0]) + ".",
              kExitUsage);
}

}  // namespace

std::vector<Versus> versus(const store::Reader& reader, const std::string& study,
                           const VersusRequest& request) {
  return versus(reader, study, runs_of_study(reader, study), request);
}

std::vector<Versus> versus(const store::Reader& reader, const std::string& study,
                           const Runs& all_runs, const VersusRequest& request) {
  const auto sequence = stored_sequence(reader, study);
  std::vector<Versus> all;
  std::set<std::string> labels;
  std::vector<std::string> elsewhere;
  for (const auto& runs : by_data_set(all_runs)) {
    const auto groups = groups_of(runs);
    for (const auto& group : groups) labels.insert({group.label, group.attention});
    const auto others = opponents(groups, request.against);
    if (others.name_is_open()) name_one(others.named, study, request.against);
    if (!others.any()) {
      elsewhere.push_back(data_text(runs) + ": not compared, because " + request.against + " was not run on it");
      continue;
    }
    auto& versus = all.emplace_back();
    versus.caption = caption_for(runs);
    for (const auto& measure : measures_for(reader, runs, request)) {
      const auto duels = duels_of(groups, others, measure, sequence);
      auto notes = others.notes;
      std::ranges::move(notes_of(duels, measure), std::back_inserter(notes));
      versus.questions.push_back({words_of(duels, measure, request.against),
                                  table_of(duels, measure, data_text(runs)), std::move(notes)});
      versus.fairness = fairness_card(reader, duels);
      versus.run_ids = run_ids_of(duels);
    }
  }
  if (all.empty()) no_such_variant({labels.begin(), labels.end()}, study, request.against);
  std::ranges::move(elsewhere, std::back_inserter(all.back().questions.back().notes));
  return all;
}

}  // namespace attnlab::report
