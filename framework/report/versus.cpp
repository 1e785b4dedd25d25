#include "framework/report/versus.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <set>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/report/fairness.h"
#include "framework/report/until_significant.h"

namespace attnlab::report {
namespace {

std::map<std::string, std::string> surroundings(const Group& group) {
  auto config = group.runs[0].config;
  std::erase_if(config, [](const auto& item) {
    return item.first == "seed" || item.first.starts_with("attention.");
  });
  return config;
}

bool is_named(const Group& group, const std::string& against) {
  return group.label == against || group.attention == against;
}

/// Keys in which the surroundings of two groups differ, "train.steps, train.learning_rate".
std::vector<std::string> other_keys(const Group& one, const Group& two) {
  const auto first = surroundings(one), second = surroundings(two);
  std::vector<std::string> keys;
  for (const auto& [key, value] : first) {
    const auto found = second.find(key);
    if (found == second.end() || found->second != value) keys.push_back(key);
  }
  for (const auto& [key, value] : second) {
    if (!first.contains(key)) keys.push_back(key);
  }
  return keys;
}

/// A line for each group that has no opponent, with what keeps it from the nearest of those that bear the name.
std::vector<std::string> left_out(const std::vector<Group>& groups, const std::vector<const Group*>& others,
                                  const std::string& against) {
  std::vector<std::string> notes;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (others[i] != nullptr) continue;
    std::vector<std::string> fewest;
    for (const auto& group : groups) {
      if (!is_named(group, against)) continue;
      const auto keys = other_keys(groups[i], group);
      if (fewest.empty() || keys.size() < fewest.size()) fewest = keys;
    }
    notes.push_back(fmt::format("{}: not compared, because no {} has its config; the nearest differs in {}",
                                groups[i].label, against, listed(fewest)));
  }
  return notes;
}

/// The group that each is compared with; nullptr where none has the same surroundings.
std::vector<const Group*> opponents(const std::vector<Group>& groups, const std::string& against) {
  std::vector<const Group*> named, found;
  for (const auto& group : groups) {
    if (group.label == against) named = {&group};
    if (group.label == against) break;
    if (is_named(group, against)) named.push_back(&group);
  }
  for (const auto& group : groups) {
    if (std::ranges::find(named, &group) != named.end()) {
      found.push_back(&group);
    } else if (named.size() == 1) {
      found.push_back(named[0]);
    } else {
      const auto like = std::ranges::find_if(
          named, [&](const Group* one) { return surroundings(*one) == surroundings(group); });
      found.push_back(like == named.end() ? nullptr : *like);
    }
  }
  return found;
}

std::vector<Duel> duels_of(const std::vector<Group>& groups, const std::vector<const Group*>& others,
                           const Measure& measure, const std::optional<Sequence>& sequence) {
  std::vector<Duel> duels;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (others[i] != nullptr) duels.push_back(duel(groups[i], *others[i], measure));
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
  cell.strong = duel.verdict() == Verdict::better;
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
          {data}};
}

Table table_of(const std::vector<Duel>& duels, const Measure& measure, const std::string& data) {
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
               {"against", Align::left, Format::automatic, "", true},
               {"measure", Align::left, Format::automatic, "", true},
               {"data", Align::left, Format::automatic, "", true}},
              {}};
  for (const auto& duel : duels) table.rows.push_back(row_of(duel, measure, data));
  return table;
}

std::string words_of(const std::vector<Duel>& duels, const Measure& measure,
                     const std::string& against) {
  const auto asked = std::ranges::count_if(
      duels, [](const Duel& duel) { return !std::isnan(duel.corrected); });
  if (std::ranges::any_of(duels, [](const Duel& duel) { return duel.of_looks.has_value(); })) {
    return fmt::format(
        "{}, each variant minus {}, paired by seed; lower is better.\n"
        "Seeds were added by looking at results: intervals and verdicts are those of the looks. Effect: in standard "
        "deviations over seeds.",
        measure.words, against);
  }
  return fmt::format(
      "{}, each variant minus {}, paired by seed; lower is better.\n"
      "Intervals: Student's t over the pairs, 95 % each. p: {}. Effect: in standard deviations over seeds.",
      measure.words, against,
      asked == 0 ? "needs three pairs"
                 : fmt::format("corrected for {} variant{} (Holm)", asked, asked == 1 ? "" : "s"));
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
  throw Error("the study '" + study + "' has no variant '" + against + "'." +
                  did_you_mean(against, labels) + " attnlab compare --study lists them.",
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
  for (const auto& runs : by_data_set(all_runs)) {
    const auto groups = groups_of(runs);
    for (const auto& group : groups) labels.insert({group.label, group.attention});
    const auto others = opponents(groups, request.against);
    if (std::ranges::all_of(others, [](const Group* g) { return g == nullptr; })) continue;
    auto& versus = all.emplace_back();
    versus.caption = caption_for(runs);
    for (const auto& measure : measures_for(reader, runs, request)) {
      const auto duels = duels_of(groups, others, measure, sequence);
      auto notes = left_out(groups, others, request.against);
      std::ranges::move(notes_of(duels, measure), std::back_inserter(notes));
      versus.questions.push_back({words_of(duels, measure, request.against),
                                  table_of(duels, measure, data_text(runs)), std::move(notes)});
      versus.fairness = fairness_card(reader, duels);
      versus.run_ids = run_ids_of(duels);
    }
  }
  if (all.empty()) no_such_variant({labels.begin(), labels.end()}, study, request.against);
  return all;
}

std::string to_text(const Versus& versus) {
  std::string text = versus.caption + "\n";
  for (const auto& question : versus.questions) {
    text += "\n" + question.words + "\n\n" + to_text(question.table);
    for (const auto& note : question.notes) text += note + "\n";
  }
  text += "\nBesides the attention (≠ differs, ? not stored):\n";
  for (const auto& row : versus.fairness.rows) {
    text += fmt::format("{} {:<19}{}\n", exact(row[0].value), exact(row[1].value), exact(row[2].value));
  }
  return text;
}

std::string to_markdown(const Versus& versus) {
  std::string text = versus.caption + "\n";
  for (const auto& question : versus.questions) {
    text += "\n" + question.words + "\n\n" + to_markdown(question.table);
    for (const auto& note : question.notes) text += "\n" + note + "\n";
  }
  text += "\n" + to_markdown(versus.fairness) + "\n<!--\n";
  for (const auto& line : versus.run_ids) text += line + "\n";
  return text + "-->\n";
}

std::string to_latex(const Versus& versus) {
  std::string text;
  const auto comment = [&](const std::string& words) {
    for (const auto& line : split(words, '\n')) text += "% " + line + "\n";
  };
  comment(versus.caption);
  for (const auto& line : versus.run_ids) comment(line);
  for (const auto& row : versus.fairness.rows) {
    comment(exact(row[0].value) + " " + exact(row[1].value) + ": " + exact(row[2].value));
  }
  for (const auto& question : versus.questions) {
    comment(question.words);
    for (const auto& note : question.notes) comment(note);
    text += to_latex(question.table);
  }
  return text;
}

}  // namespace attnlab::report
