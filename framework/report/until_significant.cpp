#include "framework/report/until_significant.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "framework/core/text.h"
#include "framework/report/statistics.h"

namespace attnlab::report {
namespace {

const Tested* last_test_of(const Sequence& sequence, const std::string& variant) {
  const Tested* found = nullptr;
  for (const auto& look : sequence.looks) {
    for (const auto& tested : look.tested) {
      if (tested.variant == variant) found = &tested;
    }
  }
  return found;
}

std::int64_t pairs_of(const Sequence& sequence, const Tested* tested) {
  for (const auto& look : sequence.looks) {
    if (!look.tested.empty() && tested >= look.tested.data() && tested <= &look.tested.back()) return look.pairs;
  }
  return 0;
}

std::string verdict_of(const Sequence& sequence, const Tested* tested) {
  if (tested == nullptr) return "not compared";
  if (!tested->decided) return sequence.over() ? "no difference shown" : "open";
  const bool lower = tested->difference < 0;
  if (tested->goal == Goal::none) return lower ? "lower" : "higher";
  return lower == (tested->goal == Goal::minimise) ? "better" : "worse";
}

std::string p_words(double p) { return p < 1e-4 ? fmt::format("{:.1e}", p) : fmt::format("{:.4f}", p); }

/// "3, 4, 5, ..., 20" where they are evenly spaced, else all.
std::string looks_words(const std::vector<std::int64_t>& looks) {
  std::vector<std::string> texts;
  for (const auto pairs : looks) texts.push_back(std::to_string(pairs));
  if (texts.size() > 6) {
    texts.erase(texts.begin() + 3, texts.end() - 1);
    texts.insert(texts.end() - 1, "...");
  }
  return join(texts, ", ");
}

/// Holm's steps: the smallest p first; `open` are undecided, more than `tested` where some were refused.
void decide(std::vector<Tested>& tested, const std::vector<double>& levels, std::size_t open) {
  std::vector<double> p(open, NAN);
  for (std::size_t i = 0; i < tested.size(); ++i) p[i] = tested[i].p;
  const auto decided = decided_at(p, levels);
  for (std::size_t i = 0; i < tested.size(); ++i) {
    std::size_t before = 0;
    for (std::size_t j = 0; j < tested.size(); ++j) before += decided[j] && (!decided[i] || p[j] < p[i]) ? 1 : 0;
    tested[i].decided = decided[i];
    tested[i].level = levels[open - 1 - before];
  }
}

std::string author_of(Spending spending) {
  return spending == Spending::pocock ? "Pocock's kind" : "O'Brien and Fleming's kind";
}

std::string metrics_of(const SequentialPlan& plan) {
  std::set<std::string> metrics;
  for (const auto& variant : plan.variants) metrics.insert(variant.metric);
  return join(std::vector(metrics.begin(), metrics.end()), ", ");
}

}  // namespace

Sequence sequence_of(SequentialPlan plan) {
  auto levels = holm_levels(plan.spending, plan.alpha, plan.looks, plan.variants.size());
  return {std::move(plan), std::move(levels), {}};
}

std::vector<std::string> Sequence::undecided() const {
  std::vector<std::string> open;
  for (const auto& variant : plan.variants) {
    const auto* tested = last_test_of(*this, variant.label);
    const bool refused = std::ranges::any_of(looks, [&](const Look& look) {
      return std::ranges::find(look.refused, variant.label) != look.refused.end();
    });
    if (!refused && (tested == nullptr || !tested->decided)) open.push_back(variant.label);
  }
  return open;
}

bool Sequence::over() const { return looks.size() == plan.looks.size() || undecided().empty(); }

Look Sequence::look_at(const std::vector<Differences>& differences) const {
  const auto number = looks.size();
  Look look{static_cast<std::int64_t>(number) + 1, plan.looks.at(number), 0, {}, {}, {}};
  const double share = static_cast<double>(look.pairs) / static_cast<double>(plan.looks.back());
  look.spent = spent_until_share(plan.spending, plan.alpha, share);
  std::vector<double> here;
  for (const auto& of_any : levels) here.push_back(of_any[number]);
  for (const auto& [variant, values, goal] : differences) {
    const auto test = paired_test(values, here[0]);
    look.tested.push_back({variant, test.differences.mean, test.low, test.high, test.p, 0, false, goal});
  }
  auto open = plan.variants.size();
  for (const auto& variant : plan.variants) {
    const auto* tested = last_test_of(*this, variant.label);
    if (tested != nullptr && tested->decided) --open;
  }
  decide(look.tested, here, open);
  return look;
}

std::vector<std::string> differences_of(const SequentialPlan& before, const SequentialPlan& now) {
  std::vector<std::string> lines;
  const auto differ = [&](const std::string& what, const std::string& then, const std::string& today) {
    if (then != today) lines.push_back(what + ": " + then + " before, " + today + " now");
  };
  differ("alpha", exact_number(before.alpha), exact_number(now.alpha));
  differ("spending", to_text(before.spending), to_text(now.spending));
  differ("looks after seeds", looks_words(before.looks), looks_words(now.looks));
  differ("first seed", std::to_string(before.first_seed), std::to_string(now.first_seed));
  const auto names = [](const SequentialPlan& plan) {
    std::vector<std::string> texts;
    for (const auto& variant : plan.variants) texts.push_back(variant.label + " against " + variant.against);
    return join(texts, ", ");
  };
  differ("variants", names(before), names(now));
  differ("metric", metrics_of(before), metrics_of(now));
  if (!lines.empty()) return lines;
  for (std::size_t i = 0; i < now.variants.size(); ++i) {
    if (before.variants[i].cells == now.variants[i].cells) continue;
    lines.push_back(now.variants[i].label + ": its runs are others than before, in config, data, code or device");
  }
  return lines;
}

void apply_looks(const Sequence& sequence, const std::string& asked, std::vector<Duel>& duels) {
  if (sequence.looks.empty()) return;
  for (auto& duel : duels) {
    if (duel.own == duel.other) continue;
    const auto planned = std::ranges::find_if(sequence.plan.variants, [&](const PlannedVariant& variant) {
      return variant.label == duel.own->label && variant.against == duel.other->label && variant.metric == asked;
    });
    const auto* tested = planned == sequence.plan.variants.end() ? nullptr : last_test_of(sequence, planned->label);
    duel.corrected = NAN;
    duel.of_looks = Verdict::unplanned;
    duel.test.low = duel.test.high = duel.test.p = NAN;
    if (tested == nullptr) continue;
    duel.test.low = tested->low;
    duel.test.high = tested->high;
    duel.test.p = tested->p;
    const auto undecided = sequence.over() ? Verdict::not_shown : Verdict::open;
    const bool lower = tested->difference < 0;
    duel.of_looks = !tested->decided ? undecided : lower == (tested->goal != Goal::maximise) ? Verdict::better : Verdict::worse;
  }
}

Table plan_table(const Sequence& sequence) {
  Table table{{{"look"},
               {"pairs"},
               {"spent", Align::right, Format::automatic, "alpha spent"},
               {"p", Align::right, Format::automatic, "p at most"},
               {"t", Align::right, Format::automatic, "|t| at least"}},
              {}};
  const auto all = sequence.levels.size();
  if (all > 1) table.columns.push_back({"p_last", Align::right, Format::automatic, "p, one left"});
  for (std::size_t i = 0; i < sequence.plan.looks.size(); ++i) {
    const auto pairs = sequence.plan.looks[i];
    const double share = static_cast<double>(pairs) / static_cast<double>(sequence.plan.looks.back());
    const double level = sequence.levels[all - 1][i];
    const double t = level > 0 ? student_critical(level, static_cast<double>(pairs) - 1) : INFINITY;
    table.rows.push_back({{static_cast<std::int64_t>(i) + 1},
                          {pairs},
                          number_cell(spent_until_share(sequence.plan.spending, sequence.plan.alpha, share)),
                          number_cell(level, p_words(level)),
                          number_cell(t)});
    if (all > 1) table.rows.back().push_back(number_cell(sequence.levels[0][i], p_words(sequence.levels[0][i])));
  }
  return table;
}

Table answer_table(const Sequence& sequence) {
  const auto cover = fmt::format("{:g} % interval", 100 * (1 - sequence.plan.alpha));
  Table table{{{"attention", Align::left},
               {"against", Align::left},
               {"pairs"},
               {"difference"},
               {"low", Align::right, Format::automatic, cover},
               {"high", Align::right, Format::automatic, "", true},
               {"p"},
               {"level", Align::right, Format::automatic, "p at most"},
               {"verdict", Align::left},
               {"metric", Align::left, Format::automatic, "", true}},
              {}};
  for (const auto& variant : sequence.plan.variants) {
    const auto* tested = last_test_of(sequence, variant.label);
    auto& row = table.rows.emplace_back(std::vector<Cell>{{variant.label}, {variant.against}});
    if (tested == nullptr) {
      row.resize(8);
    } else {
      row.push_back({pairs_of(sequence, tested)});
      row.push_back(number_cell(tested->difference, fmt::format("{:+.4g}", tested->difference)));
      row.push_back(number_cell(tested->low, fmt::format("[{:.3g}, {:.3g}]", tested->low, tested->high)));
      row.push_back(number_cell(tested->high));
      row.push_back(number_cell(tested->p, p_words(tested->p)));
      row.push_back(number_cell(tested->level, p_words(tested->level)));
    }
    row.push_back({verdict_of(sequence, tested)});
    row.push_back({variant.metric});
  }
  return table;
}

std::vector<std::string> answer_words(const Sequence& sequence) {
  const auto& plan = sequence.plan;
  const auto most = plan.looks.back();
  const auto open = sequence.undecided().size();
  const auto pairs = sequence.looks.empty() ? 0 : sequence.looks.back().pairs;
  std::string state = fmt::format("{} of at most {} seeds, {} variant{} undecided", pairs, most, open, open == 1 ? "" : "s");
  if (open == 0) state = fmt::format("Decided after {} of at most {} seeds", pairs, most);
  if (open > 0 && sequence.over()) {
    state = fmt::format("All {} seeds are in, {} of {} variants without a difference shown", most, open, plan.variants.size());
  }
  std::vector<std::string> words{
      fmt::format("{}; {} of alpha = {:g} spent.", state,
                  sequence.looks.empty() ? "none" : fmt::format("{:.2g}", sequence.looks.back().spent), plan.alpha),
      fmt::format("Plan: {}, paired by seed from seed {} on; looks after {} pairs; spending of {} (Lan and DeMets), "
                  "levels for Student's t of so few pairs{}.",
                  metrics_of(plan), plan.first_seed, looks_words(plan.looks), author_of(plan.spending),
                  plan.variants.size() > 1 ? fmt::format(", Holm over {} variants", plan.variants.size()) : ""),
      fmt::format("Each interval holds at every look with {:g} %; p is of one look and counts where it is at most the level.",
                  100 * (1 - plan.alpha))};
  for (const auto& look : sequence.looks) {
    for (const auto& note : look.notes) {
      if (std::ranges::find(words, note) == words.end()) words.push_back(note);
    }
  }
  return words;
}

std::string to_text(const Sequence& sequence) {
  return std::string(kSequenceTitle) + "\n\n" + to_text(answer_table(sequence)) + "\n" +
         join(answer_words(sequence), "\n") + "\n";
}

std::string to_markdown(const Sequence& sequence) {
  return std::string(kSequenceTitle) + "\n\n" + to_markdown(answer_table(sequence)) + "\n" +
         join(answer_words(sequence), "\n\n") + "\n";
}

std::string to_latex(const Sequence& sequence) {
  std::string text = std::string("% ") + kSequenceTitle + "\n";
  for (const auto& words : answer_words(sequence)) text += "% " + words + "\n";
  return text + to_latex(answer_table(sequence));
}

}  // namespace attnlab::report
