#include "framework/report/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "framework/core/text.h"
#include "framework/report/statistics.h"

namespace attnlab::report {
namespace {

constexpr std::size_t kMostNotes = 10;

struct Spread : Sample {
  double largest = NAN;
};

Spread spread_of(const Group& group, const std::string& column) {
  std::vector<double> numbers;
  for (const auto& run : group.runs) {
    const double number = run.number(column);
    if (run.text("status") == "done" && !std::isnan(number)) numbers.push_back(number);
  }
  return {sample_of(numbers), numbers.empty() ? NAN : std::ranges::max(numbers)};
}

std::int64_t count_of(const Group& group, const std::string& column) { return spread_of(group, column).count; }

/// Pairs of query and key as a share of dense attention's, which are (T - 1) / 2 keys a query
/// where a token does not see itself and (T + 1) / 2 where it does. NaN where it is not known. For
/// a plugin that says so, pairs are the mean over layers, heads and queries in evaluation.
double share_of_dense(const Group& group) {
  const auto& run = group.runs[0];
  const double itself = run.text("causality") == "strict" ? -1 : 1;
  return spread_of(group, "pairs_per_query").mean * 2 / (run.number("length") + itself);
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

struct Field {
  Column column;
  std::function<Cell(const Group&)> cell;
};

Field largest(Column column) {
  const auto name = column.name;
  return {std::move(column), [name](const Group& group) -> Cell {
            return number_cell(spread_of(group, name).largest);
          }};
}

/// Mean ± standard deviation.
Field of_seeds(const char* name, const std::string& title) {
  return {{name, Align::right, Format::fixed3, title}, [name](const Group& group) {
            const auto [count, mean, deviation] = Sample(spread_of(group, name));
            return number_cell(mean, std::isnan(deviation) ? fmt::format("{:.3f}", mean)
                                                           : fmt::format("{:.3f} ± {:.3f}", mean, deviation));
          }};
}

/// Of how many runs a mean is.
Field runs_of(const char* name, const char* column) {
  return {{name, Align::right, Format::automatic, "n"}, [column](const Group& group) -> Cell {
            const auto count = count_of(group, column);
            return count == 0 ? Cell{} : Cell{count};
          }};
}

Field words(const char* name, const char* title, bool machine_only) {
  return {{name, Align::left, Format::automatic, title, machine_only},
          [name](const Group& group) -> Cell { return {listed(group.runs, name)}; }};
}

std::vector<Field> fields_for(const Runs& runs) {
  return {
      {{"attention", Align::left},
       [](const Group& group) -> Cell {
         const char* mark = any_true(group.runs, "pattern_sees_future") ? " †" : "";
         return {group.label, group.label + mark};
       }},
      {{"parameters", Align::right, Format::grouped},
       [](const Group& group) -> Cell {
         const double count = spread_of(group, "parameters").largest;
         if (std::isnan(count)) return {};
         return {static_cast<std::int64_t>(count)};
       }},
      // Equal models but for what the attention owns: the difference to dense, which owns nothing.
      {{"parameters_over_dense", Align::right, Format::grouped, "over dense"},
       [](const Group& group) -> Cell {
         if (std::isnan(spread_of(group, "parameters").largest)) return {};
         const double own = spread_of(group, "own_parameters").largest;
         const auto count = std::isnan(own) ? 0 : static_cast<std::int64_t>(own);
         return {count, count == 0 ? "0" : "+" + grouped(count)};
       }},
      of_seeds("score", score_title(runs) + " (val)"),
      {{"score_std", Align::right, Format::fixed3, "", true},
       [](const Group& group) { return number_cell(spread_of(group, "score").deviation); }},
      runs_of("score_runs", "score"),
      of_seeds("test_score", score_title(runs) + " (test)"),
      runs_of("test_score_runs", "test_score"),
      of_seeds("bits_per_byte", "bits/byte (val)"),
      {{"pairs_share", Align::right, Format::percent, "pairs of dense"},
       [](const Group& group) { return number_cell(share_of_dense(group)); }},
      {{"pairs_over_even", Align::right, Format::fixed2, "pairs / even"},
       [](const Group& group) { return number_cell(spread_of(group, "pairs_over_even").mean); }},
      {{"tokens_per_second", Align::right, Format::grouped, "tokens/s"},
       [](const Group& group) {
         auto cell = number_cell(spread_of(group, "tokens_per_second").mean);
         if (!store::is_null(cell.value) && any_true(group.runs, "shared")) {
           cell.shown = display(cell, Format::grouped) + " shared";
         }
         return cell;
       }},
      {{"shared", Align::right, Format::yes_no, "", true},
       [](const Group& group) -> Cell { return {std::int64_t{any_true(group.runs, "shared")}}; }},
      largest({"allocator_peak_bytes", Align::right, Format::bytes, "allocator peak"}),
      largest({"process_peak_bytes", Align::right, Format::bytes, "process peak"}),
      words("kernel", "what ran", false),
      {{"status", Align::left}, [](const Group& group) -> Cell { return {status_text(group)}; }},
      {{"seeds", Align::right, Format::automatic, "", true},
       [](const Group& group) -> Cell { return {static_cast<std::int64_t>(group.runs.size())}; }},
      words("metric", "", true),
      words("dataset", "", true),
      {{"data_digest", Align::left, Format::automatic, "", true}, [](const Group& group) -> Cell {
         const auto& origin = group.runs[0].origin;
         const auto data = origin.find("data");
         return data == origin.end() ? Cell{} : Cell{data->second};
       }}};
}

/// The floor last, then by score, groups without one behind those with one.
void sort_by_score(std::vector<Group>& groups) {
  std::map<std::string, std::tuple<bool, bool, double>> ranks;
  for (const auto& group : groups) {
    const double mean = spread_of(group, "score").mean;
    const bool none = std::isnan(mean);
    ranks[group.label] = {group.attention == "none", none, none ? 0 : mean};
  }
  std::ranges::stable_sort(groups, {}, [&](const Group& group) { return ranks.at(group.label); });
}

/// "rows differ in engine: 1f2e3d4c (dense, none), 5a6b7c8d (qk_drop)": not only the attention
/// does. Data and plugin are left out: the one stands in the caption, the other is what varies.
void add_differences(const std::vector<Group>& groups, std::vector<std::string>& notes) {
  std::map<std::string, std::map<std::string, std::vector<std::string>>> rows;  // part, value, rows
  for (const auto& group : groups) {
    for (const auto& [part, value] : group.runs[0].origin) {
      if (part != "data" && part != "plugin") rows[part][value].push_back(group.label);
    }
  }
  for (const auto& [part, values] : rows) {
    if (values.size() < 2) continue;
    std::vector<std::string> texts;
    for (const auto& [value, labels] : values) {
      texts.push_back(short_digest(value) + " (" + listed(labels) + ")");
    }
    notes.push_back("rows differ in " + part + ": " + listed(texts));
  }
}

/// "dense (run 3) failed: loss is NaN", one note for each reason.
void add_reasons(const std::vector<Group>& groups, std::vector<std::string>& notes) {
  std::map<std::string, std::vector<std::string>> runs;  // by " failed: loss is NaN"
  std::vector<std::string> order;
  for (const auto& group : groups) {
    for (const auto& run : group.runs) {
      if (run.text("reason").empty()) continue;
      const auto reason = " " + run.text("status") + ": " + run.text("reason");
      auto& names = runs[reason];
      if (names.empty()) order.push_back(reason);
      names.push_back(fmt::format("{} (run {})", group.label, run.text("id")));
    }
  }
  const auto shown = std::min(order.size(), kMostNotes);
  for (const auto& reason : std::span(order).first(shown)) {
    notes.push_back(listed(runs[reason]) + reason);
  }
  if (shown == order.size()) return;
  notes.push_back(fmt::format("{} more reasons: attnlab runs --status failed,skipped,interrupted",
                              order.size() - shown));
}

std::vector<std::string> notes_for(const std::vector<Group>& groups) {
  std::vector<std::string> notes;
  const auto some = [&](const char* column) {
    return std::ranges::any_of(groups, [&](const Group& g) { return any_true(g.runs, column); });
  };
  if (some("shared")) notes.emplace_back("shared: other runs were on the machine meanwhile");
  if (some("pattern_sees_future")) {
    notes.emplace_back(
        "†: which keys a token sees depends on later tokens; their values never reach it");
  }
  const bool characters = std::ranges::any_of(groups, [](const Group& g) { return listed(g.runs, "metric") == "bits_per_char"; });
  if (characters) notes.emplace_back("bits/char: bits per byte, for what enwik8's literature calls characters are bytes");
  add_differences(groups, notes);
  add_reasons(groups, notes);
  return notes;
}

void hide(Table& table, const std::string& name) {
  std::ranges::find(table.columns, name, &Column::name)->machine_only = true;
}

/// Few runs have it; the others' tables have no empty column for it.
void hide_where_empty(Table& table, const std::string& name) {
  const auto column = std::ranges::find(table.columns, name, &Column::name);
  const auto at = static_cast<std::size_t>(column - table.columns.begin());
  column->machine_only = std::ranges::all_of(
      table.rows, [at](const auto& row) { return store::is_null(row[at].value); });
}

/// How many runs a mean is of need not be said where all are of as many, nor again where the test score is of the same.
void hide_equal_counts(Table& table, const std::vector<Group>& groups) {
  std::set<std::int64_t> counts;
  bool of_the_same = true;
  for (const auto& group : groups) {
    const auto count = count_of(group, "score"), tested = count_of(group, "test_score");
    if (count > 0) counts.insert(count);
    of_the_same = of_the_same && (tested == 0 || tested == count);
  }
  if (counts.size() < 2) hide(table, "score_runs");
  if (of_the_same) hide(table, "test_score_runs");
}

Comparison comparison_of(const Runs& runs) {
  auto groups = groups_of(runs);
  sort_by_score(groups);
  Comparison comparison{caption_for(runs), {}, notes_for(groups)};
  const auto fields = fields_for(runs);
  for (const auto& field : fields) comparison.table.columns.push_back(field.column);
  for (const auto& group : groups) {
    auto& row = comparison.table.rows.emplace_back();
    for (const auto& field : fields) row.push_back(field.cell(group));
  }
  hide_where_empty(comparison.table, "pairs_share");
  hide_where_empty(comparison.table, "pairs_over_even");
  hide_where_empty(comparison.table, "test_score");
  hide_where_empty(comparison.table, "bits_per_byte");
  hide_equal_counts(comparison.table, groups);
  if (listed(runs, "metric") == "bits_per_byte") hide(comparison.table, "bits_per_byte");  // it is the score
  return comparison;
}

}  // namespace

std::vector<Comparison> compare(const store::Reader& reader, const std::string& study) {
  return compare(runs_of_study(reader, study));
}

std::vector<Comparison> compare(const Runs& runs) {
  std::vector<Comparison> comparisons;
  for (const auto& part : by_data_set(runs)) comparisons.push_back(comparison_of(part));
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

std::string to_latex(const Comparison& comparison) {
  std::string text;
  for (const auto& line : split(comparison.caption, '\n')) text += "% " + line + "\n";
  for (const auto& note : comparison.notes) {
    for (const auto& line : split(note, '\n')) text += "% " + line + "\n";
  }
  return text + to_latex(comparison.table);
}

}  // namespace attnlab::report
