#include "framework/cli/launch/until_significant.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "framework/cli/launch/until_plan.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/status_lines.h"
#include "framework/core/text.h"
#include "framework/report/comparison.h"
#include "framework/report/statistics.h"
#include "framework/store/value.h"

namespace attnlab::cli {
namespace {

using report::Sequence;

constexpr std::array kCompanions{"against", "metric", "alpha", "most", "look-every", "spending"};

/// The number that a run ended with, and what it is for.
struct RunNumber {
  double value = NAN;
  Goal goal = Goal::none;
};

RunNumber number_of(const store::Reader& reader, std::int64_t run, const std::string& metric) {
  const auto rows = reader.query("SELECT last, goal FROM run_last JOIN metric_keys ON id = key_id WHERE run_id = ?1 AND name = ?2",
                                 {run, metric}).rows;
  if (!rows.empty()) {
    return {report::number(rows[0][0]), store::goal_from(report::exact(rows[0][1]))};
  }
  std::vector<std::string> names;
  for (const auto& row : reader.query("SELECT name FROM run_last JOIN metric_keys ON id = key_id WHERE run_id = ?1", {run}).rows) {
    names.push_back(report::exact(row[0]));
  }
  throw Error(fmt::format("run {} has no metric '{}'.{} attnlab show {} lists what it has.", run, metric,
                          did_you_mean(metric, names), run));
}

/// The seeds, of those at this look, at which the two did not start alike.
std::string unlike_seeds(const store::Reader& reader, const std::vector<std::int64_t>& own,
                         const std::vector<std::int64_t>& other, std::int64_t first_seed) {
  std::vector<std::string> seeds;
  for (std::size_t i = 0; i < own.size(); ++i) {
    const auto unlike = reader.query(
        "SELECT 1 FROM facts AS a JOIN facts AS b USING (name) WHERE a.run_id = ?1 AND b.run_id = ?2 AND "
        "name IN ('initial_weights', 'training_batches') AND a.text <> b.text", {own[i], other[i]});
    if (!unlike.rows.empty()) seeds.push_back(std::to_string(first_seed + static_cast<std::int64_t>(i)));
  }
  return join(seeds, ", ");
}

class Until {
 public:
  Until(SeededCells all, const LaunchRequest& request)
      : all_(std::move(all)), request_(request), results_(request.database.string()), sequence_(begin()),
        runs_(all_.cells.size(), 0) {}

  int go() {
    while (!sequence_.over()) {
      const auto chosen = needed(sequence_.plan.looks.at(sequence_.looks.size()));
      if (!run(chosen)) return stopped(chosen);
      look();
    }
    print(request_.json ? as_json({}, {}) : summary());
    return kExitOk;
  }

 private:
  /// The plan is stored before the first run, so that of two plans at once one is refused.
  Sequence begin() {
    const store::Reader reader(request_.database.string());
    auto planned = report::sequence_of(all_.plan);
    const auto text = report::plan_text(reader, planned);
    const bool held = results_.hold_plan(all_.plan.study, text, store::Owner::of_this_process());
    auto stored = report::stored_sequence(reader, all_.plan.study);
    if (held) return stored && !stored->looks.empty() ? *std::move(stored) : std::move(planned);
    refuse(stored.value());
  }

  [[noreturn]] void refuse(const Sequence& stored) const {
    const auto others = join(report::differences_of(stored.plan, all_.plan), "\n  ");
    if (stored.looks.empty()) {
      throw Error(fmt::format("another grid is adding seeds to the study '{}' under another plan:\n  {}\nGo on with the same plan, wait "
                              "for its end, or name another study with --study NAME.", all_.plan.study, others),
                  kExitUsage);
    }
    throw Error(fmt::format("the study '{}' has been looked at {} time{} under another plan:\n  {}\nA plan that changes "
                            "after a look bounds no error. Go on with the same one, or name another study with --study NAME.",
                            all_.plan.study, stored.looks.size(), stored.looks.size() == 1 ? "" : "s", others),
                kExitUsage);
  }

  /// Cells of the first `seeds` seeds of what is undecided and of what it is compared with.
  std::vector<std::size_t> needed(std::int64_t seeds) const {
    const auto open = sequence_.undecided();
    std::set<std::size_t> numbers;
    const auto add = [&](const std::string& label) {
      const auto& cells = all_.by_label.at(label);
      numbers.insert(cells.begin(), cells.begin() + seeds);
    };
    for (const auto& variant : all_.plan.variants) {
      if (std::ranges::find(open, variant.label) == open.end()) continue;
      add(variant.label);
      add(variant.against);
    }
    return {numbers.begin(), numbers.end()};
  }

  /// Whether all of them are done, or refused.
  bool run(const std::vector<std::size_t>& chosen) {
    std::vector<launch::Cell> cells;
    for (const auto i : chosen) cells.push_back(all_.cells[i]);
    auto request = request_;
    if (request.time_limit > 0) request.time_limit = std::max(1e-3, request.time_limit - (clock_seconds() - began_));
    last_ = launch_prepared(results_, std::move(cells), request, all_.room);
    bool all = last_.stopped_by == 0;
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      const auto& outcome = last_.cells[i];
      if (outcome.status == Status::done) runs_[chosen[i]] = outcome.run_id;
      all = all && (outcome.status == Status::done || outcome.status == Status::skipped);
    }
    return all;
  }

  /// Empty where some of them have no number, as those of a refused variant.
  std::vector<std::int64_t> runs_of(const std::string& label, std::int64_t seeds) const {
    std::vector<std::int64_t> runs;
    for (const auto i : std::span(all_.by_label.at(label)).first(static_cast<std::size_t>(seeds))) {
      if (runs_[i] == 0) return {};
      runs.push_back(runs_[i]);
    }
    return runs;
  }

  void look() {
    const store::Reader reader(request_.database.string());
    const auto stored = report::stored_sequence(reader, all_.plan.study);
    if (stored && stored->plan != all_.plan) refuse(*stored);
    const auto seeds = sequence_.plan.looks.at(sequence_.looks.size());
    const auto open = sequence_.undecided();
    std::vector<report::Differences> differences;
    std::vector<std::string> notes, refused;
    for (const auto& [label, against, metric, cells] : all_.plan.variants) {
      if (std::ranges::find(open, label) == open.end()) continue;
      const auto own = runs_of(label, seeds), other = runs_of(against, seeds);
      if (own.empty() || other.empty()) {
        refused.push_back(label);
        notes.push_back((own.empty() ? label : against) + " was refused; attnlab runs --status skipped says why");
        continue;
      }
      auto& [variant, values, goal] = differences.emplace_back(report::Differences{label, {}, Goal::none});
      for (std::size_t i = 0; i < own.size(); ++i) {
        const auto number = number_of(reader, own[i], metric);
        values.push_back(number.value - number_of(reader, other[i], metric).value);
        goal = number.goal;
      }
      if (const auto unlike = unlike_seeds(reader, own, other, all_.plan.first_seed); !unlike.empty()) {
        notes.push_back(label + " and " + against + ", seed " + unlike +
                        ": other initial weights or batches, so these pairs share less");
      }
    }
    if (differences.empty() && sequence_.looks.empty()) throw Error("nothing can be compared: " + join(notes, "; "));
    sequence_.looks.push_back(sequence_.look_at(differences));
    sequence_.looks.back().refused = std::move(refused);
    sequence_.looks.back().notes = std::move(notes);
    results_.add_study_facts(all_.plan.study, report::facts_of(sequence_));
    if (!request_.quiet) notice(report::answer_words(sequence_).at(0) + "\n");
  }

  std::string answer() const {
    return report::to_text(report::answer_table(sequence_)) + join(report::answer_words(sequence_), "\n") + "\n";
  }

  std::string summary() const {
    std::string text;
    const store::Reader reader(request_.database.string());
    for (const auto& comparison : report::compare(reader, all_.plan.study)) text += report::to_text(comparison) + "\n";
    return text + answer() + more_about({all_.plan.study}, request_);
  }

  std::string as_json(const std::vector<launch::Cell>& cells, const launch::LaunchResult& result) const {
    nlohmann::ordered_json json{{"sequence", nlohmann::ordered_json::parse(report::to_json(sequence_))},
                                {"answer", nlohmann::ordered_json::parse(report::to_json(report::answer_table(sequence_)))},
                                {"cells", nlohmann::ordered_json::parse(outcomes_as_json(cells, result))}};
    return json.dump(2) + "\n";
  }

  /// Runs failed or were stopped: the look waits for them.
  int stopped(const std::vector<std::size_t>& chosen) const {
    std::vector<launch::Cell> cells;
    for (const auto i : chosen) cells.push_back(all_.cells[i]);
    if (request_.json) {
      print(as_json(cells, last_));
    } else {
      print(grid_summary(cells, last_, request_) + answer() +
            fmt::format("The look at {} seeds waits for runs that are not done; the same command goes on.\n",
                        sequence_.plan.looks.at(sequence_.looks.size())));
    }
    return last_.exit_code();
  }

  SeededCells all_;
  const LaunchRequest& request_;
  store::Store results_;
  Sequence sequence_;
  std::vector<std::int64_t> runs_;  // by cell; 0: not done
  launch::LaunchResult last_;
  double began_ = clock_seconds();
};

int print_plan(const SeededCells& all, const LaunchRequest& request) {
  const auto looks = report::plan_table(report::sequence_of(all.plan));
  const auto cells = plan_table(all.cells, cells::History(request.database), request);
  if (request.json) {
    print("{\"looks\": " + report::to_json(looks) + ", \"cells\": " + report::to_json(cells) + "}\n");
  } else {
    print(report::to_text(looks) + "\n" + report::to_text(cells, 100));
  }
  return kExitOk;
}

}  // namespace

void add_until_options(Options& options) {
  options.flag("until-significant", "add seeds until each variant is told apart from --against, or --most is reached")
      .value("against", "VARIANT", "what each is compared with, seed by seed (default: dense)")
      .value("metric", "KEY", "by what (default: the data set's own, on validation)")
      .value("alpha", "A", "how often anything may be called different by mistake (default: 0.05)")
      .value("most", "N", "seeds at most (default: 20)")
      .value("look-every", "N", "seeds between looks, the first after 3 (default: 1)")
      .value("spending", "NAME", "pocock (default) or obrien-fleming: strict at first, milder at the end");
}

std::optional<UntilRequest> until_request(const ParsedOptions& parsed) {
  if (!parsed.has("until-significant")) {
    for (const char* name : kCompanions) {
      if (parsed.has(name)) throw Error(std::string("--") + name + " is of --until-significant", kExitUsage);
    }
    return std::nullopt;
  }
  UntilRequest until;
  until.against = parsed.text("against", until.against);
  until.metric = parsed.text("metric", "");
  until.spending = report::spending_from(parsed.text("spending", "pocock"));
  until.alpha = parsed.real("alpha", until.alpha, 1e-6, 0.5);
  until.most = parsed.integer("most", until.most, static_cast<std::int64_t>(report::kFewestPairs), 200);
  until.every = parsed.integer("look-every", until.every, 1, 200);
  return until;
}

int launch_until_significant(cells::Sources& sources, LaunchRequest request, const UntilRequest& until) {
  if (request.show_config || request.show_origin) {
    return launch_cells(LaunchKind::grid, plan::make_plan(plan_request(sources, request)).cells, sources, request);
  }
  auto all = seeded_cells(sources, request, until);
  if (request.show_plan) return print_plan(all, request);
  return Until(std::move(all), request).go();
}

}  // namespace attnlab::cli
