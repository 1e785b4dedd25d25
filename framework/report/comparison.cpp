#include "framework/report/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "framework/core/text.h"
#include "framework/report/caption.h"

namespace attnlab::report {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Spread {
  double mean = kNan;
  double deviation = kNan;  // of the sample; NaN for fewer than two
  double largest = kNan;
};

Spread spread_of(const Group& group, const std::string& column) {
  std::vector<double> numbers;
  for (const auto& run : group.runs) {
    const double number = run.number(column);
    if (run.text("status") == "done" && !std::isnan(number)) numbers.push_back(number);
  }
  Spread spread;
  if (numbers.empty()) return spread;
  double sum = 0;
  for (const double number : numbers) sum += number;
  spread.mean = sum / static_cast<double>(numbers.size());
  spread.largest = *std::max_element(numbers.begin(), numbers.end());
  if (numbers.size() < 2) return spread;
  double squares = 0;
  for (const double number : numbers) squares += (number - spread.mean) * (number - spread.mean);
  spread.deviation = std::sqrt(squares / static_cast<double>(numbers.size() - 1));
  return spread;
}

store::Value or_null(double number) {
  return std::isnan(number) ? store::Value{} : store::Value{number};
}

std::string score_text(const Spread& spread) {
  if (std::isnan(spread.mean)) return "";
  if (std::isnan(spread.deviation)) return fmt::format("{:.3f}", spread.mean);
  return fmt::format("{:.3f} ± {:.3f}", spread.mean, spread.deviation);
}

bool any(const Group& group, const std::string& column) {
  return std::any_of(group.runs.begin(), group.runs.end(),
                     [&](const RunRow& run) { return run.is_true(column); });
}

/// Distinct texts in order of appearance: "a, b".
std::string distinct(const Group& group, const std::string& column) {
  std::vector<std::string> texts;
  for (const auto& run : group.runs) {
    const auto text = run.text(column);
    if (!text.empty() && std::find(texts.begin(), texts.end(), text) == texts.end()) {
      texts.push_back(text);
    }
  }
  return join(texts, ", ");
}

/// "done", or "done 2, failed 1".
std::string status_text(const Group& group) {
  std::map<std::string, int> counts;
  for (const auto& run : group.runs) ++counts[run.text("status")];
  if (counts.size() == 1) return counts.begin()->first;
  std::vector<std::string> parts;
  for (const auto& [status, count] : counts) parts.push_back(status + " " + std::to_string(count));
  return join(parts, ", ");
}

std::vector<Column> columns_for(const std::string& metric) {
  auto title = metric.empty() ? std::string("score") : metric;
  if (title.starts_with("bits_per_")) title = "bits/" + title.substr(9);
  return {{"attention", Align::left},
          {"parameters", Align::right, Format::grouped},
          {"score", Align::right, Format::fixed3, title + " (val)"},
          {"score_std", Align::right, Format::fixed3, "", true},
          {"tokens_per_second", Align::right, Format::grouped, "tokens/s"},
          {"shared", Align::right, Format::yes_no, "", true},
          {"allocator_peak_bytes", Align::right, Format::bytes, "allocator peak"},
          {"process_peak_bytes", Align::right, Format::bytes, "process peak"},
          {"kernel", Align::left, Format::automatic, "what ran"},
          {"status", Align::left},
          {"seeds", Align::right, Format::automatic, "", true},
          {"metric", Align::left, Format::automatic, "", true},
          {"dataset", Align::left, Format::automatic, "", true}};
}

std::vector<Cell> row_for(const Group& group) {
  const auto score = spread_of(group, "score");
  const auto speed = spread_of(group, "tokens_per_second").mean;
  const bool shared = any(group, "shared");
  Cell tokens{or_null(speed)};
  if (shared && !std::isnan(speed)) tokens.shown = display(tokens, Format::grouped) + " shared";
  Cell parameters{or_null(spread_of(group, "parameters").largest)};
  if (const auto* count = std::get_if<double>(&parameters.value)) {
    parameters.value = static_cast<std::int64_t>(*count);
  }
  const auto mark = any(group, "pattern_sees_future") ? " †" : "";
  return {{group.label, group.label + mark},
          parameters,
          {or_null(score.mean), score_text(score)},
          {or_null(score.deviation)},
          tokens,
          {std::int64_t{shared}},
          {or_null(spread_of(group, "allocator_peak_bytes").largest)},
          {or_null(spread_of(group, "process_peak_bytes").largest)},
          {distinct(group, "kernel")},
          {status_text(group)},
          {static_cast<std::int64_t>(group.runs.size())},
          {distinct(group, "metric")},
          {distinct(group, "dataset")}};
}

/// The floor last, then by score, runs without one behind those with one.
bool stands_before(const Group& a, const Group& b) {
  const auto rank = [](const Group& group) {
    const double mean = spread_of(group, "score").mean;
    return std::tuple(group.attention == "none", std::isnan(mean), std::isnan(mean) ? 0 : mean);
  };
  return rank(a) < rank(b);
}

std::vector<std::string> notes_for(const std::vector<Group>& groups) {
  std::vector<std::string> notes;
  const auto some = [&](const char* column) {
    return std::any_of(groups.begin(), groups.end(),
                       [&](const Group& g) { return any(g, column); });
  };
  if (some("shared")) notes.push_back("shared: other runs were on the machine meanwhile");
  if (some("pattern_sees_future")) {
    notes.push_back(
        "†: which keys a token sees depends on later tokens; their values never reach it");
  }
  for (const auto& group : groups) {
    for (const auto& run : group.runs) {
      const auto status = run.text("status");
      if (status == "done" || run.text("reason").empty()) continue;
      notes.push_back(fmt::format("{} (run {}) {}: {}", group.label, run.text("id"), status,
                                  run.text("reason")));
    }
  }
  return notes;
}

}  // namespace

Comparison comparison_table(const std::vector<RunRow>& runs) {
  auto groups = groups_of(runs);
  std::stable_sort(groups.begin(), groups.end(), stands_before);
  std::string metric;
  for (const auto& run : runs) {
    if (metric.empty()) metric = run.text("metric");
  }
  Comparison comparison{caption_for(runs), {columns_for(metric), {}}, notes_for(groups)};
  for (const auto& group : groups) comparison.table.rows.push_back(row_for(group));
  return comparison;
}

std::vector<Comparison> compare(const store::Reader& reader, const std::string& study) {
  std::vector<std::string> order;
  std::map<std::string, std::vector<RunRow>> by_dataset;
  for (auto& run : runs_of_study(reader, study)) {
    auto& runs = by_dataset[run.text("dataset")];
    if (runs.empty()) order.push_back(run.text("dataset"));
    runs.push_back(std::move(run));
  }
  std::vector<Comparison> comparisons;
  for (const auto& dataset : order) comparisons.push_back(comparison_table(by_dataset[dataset]));
  return comparisons;
}

std::string to_text(const Comparison& comparison) {
  std::string text = comparison.caption + "\n\n" + to_text(comparison.table) + "\n";
  for (const auto& note : comparison.notes) text += note + "\n";
  return text;
}

std::string to_markdown(const Comparison& comparison) {
  std::string text = comparison.caption + "\n\n" + to_markdown(comparison.table);
  for (const auto& note : comparison.notes) text += "\n" + note + "\n";
  return text;
}

}  // namespace attnlab::report
