#include "framework/cli/bench/tables.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <set>

#include "framework/core/text.h"

namespace attnlab::cli {
namespace {

using report::Align;
using report::Format;

double number(const store::Value& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  const auto* real = std::get_if<double>(&value);
  return real == nullptr ? std::numeric_limits<double>::quiet_NaN() : *real;
}

std::string text(const store::Value& value) {
  const auto* found = std::get_if<std::string>(&value);
  return found == nullptr ? "" : *found;
}

// How people see a number; machines get it as it is.
std::string milliseconds(double seconds) {  // three digits that count
  const double ms = seconds * 1e3;
  return fmt::format("{:.{}f}", ms, ms < 1 ? 3 : ms < 10 ? 2 : ms < 100 ? 1 : 0);
}
std::string whole(double value) { return fmt::format("{:.0f}", value); }
std::string hundredths(double value) { return fmt::format("{:.2f}", value); }
std::string percent(double value) { return fmt::format("{:.1f} %", value * 100); }
std::string billions(double value) { return fmt::format("{:.1f}", value / 1e9); }
std::string times(double value) { return fmt::format("{:.2f}x", value); }
std::string as_typed(double value) { return exact_number(value) + "x"; }

/// One column of a table: what is selected for it, and how it is shown.
struct Shown {
  std::string sql;  // of the run's rows; "label", "goal", "reached" and "run" are known without
  report::Column column;
  std::string (*text)(double) = nullptr;  // null: by the column's format
};

const Shown kLabel{"label", {"attention", Align::left}}, kRun{"run", {"run"}},
    kLength{"length", {"T"}}, kGoal{"goal", {"goal"}, as_typed},
    kReached{"reached", {"reached", Align::left}}, kKernel{"kernel", {"kernel", Align::left}},
    kShared{"shared", {"shared", Align::left, Format::yes_no}},
    kRatio{"ratio", {"ratio", Align::right, Format::automatic, "faster"}, times};

Shown shown(const char* name, const char* title, std::string (*text)(double)) {
  return {name, {name, Align::right, Format::automatic, title}, text};
}
Shown formatted(const char* name, const char* title, Format format) {
  return {name, {name, Align::right, format, title}};
}
Shown for_machines(const char* name) {
  return {name, {name, Align::right, Format::automatic, "", true}};
}
// Of a metric that the view timings has not.
Shown metric(const char* key, const char* title, std::string (*text)(double)) {
  return {fmt::format("max(value) FILTER (WHERE key = '{}')", key), {title}, text};
}

std::vector<Shown> attention_columns() {
  return {kLabel,
          {"dtype", {"dtype", Align::left}},
          kLength,
          shown("seconds", "ms", milliseconds),
          for_machines("seconds_q1"),
          for_machines("seconds_q3"),
          {"(seconds_q3 - seconds_q1) / 2 / seconds",
           {"spread", Align::right, Format::automatic, "±"},
           percent},
          shown("cores_busy", "cores", hundredths),
          shown("samples", "", whole),
          shown("sdpa_seconds", "SDPA ms", milliseconds),
          kRatio,
          for_machines("ratio_q1"),
          for_machines("ratio_q3"),
          kGoal,
          kReached,
          shown("flop_rate", "useful GFLOP/s", billions),
          shown("tile_efficiency", "tiles", hundredths),
          formatted("peak_bytes", "beyond in/out", Format::bytes),
          formatted("process_peak_bytes", "process", Format::bytes),
          kKernel,
          kShared,
          kRun};
}

std::vector<Shown> training_columns() {
  return {kLabel,
          kLength,
          shown("batch", "", whole),
          shown("seconds", "step ms", milliseconds),
          shown("samples", "", whole),
          formatted("tokens_per_second", "tokens/s", Format::grouped),
          formatted("peer_tokens_per_second", "peer's", Format::grouped),
          kRatio,
          kGoal,
          kReached,
          shown("flop_utilisation", "utilisation", percent),
          shown("peer_flop_utilisation", "peer's", percent),
          formatted("peak_bytes", "peak", Format::bytes),
          formatted("peer_peak_bytes", "peer's", Format::bytes),
          kKernel,
          kShared,
          kRun};
}

std::vector<Shown> roofline_columns() {
  return {kLabel,
          {"step", {"T"}},
          metric("roofline/large_gemm", "large GEMM GFLOP/s", billions),
          metric("roofline/tile_gemm", "GEMM 64x64xD GFLOP/s", billions),
          metric("roofline/exponentials", "G exp/s", billions),
          metric("roofline/bandwidth", "GB/s", billions),
          metric("tile_efficiency", "tiles", hundredths),
          metric("roofline/gemm_seconds", "products ms", milliseconds),
          metric("roofline/exp_seconds", "exp ms", milliseconds),
          metric("roofline/memory_seconds", "memory ms", milliseconds),
          metric("roofline/seconds", "bound ms", milliseconds),
          metric("seconds_median", "measured ms", milliseconds),
          metric("bytes_rate", "moved GB/s", billions),
          metric("roofline/share", "share", hundredths)};
}

std::optional<double> goal_of(const BenchRun& run, const store::Value& length) {
  const auto found = run.goals.find(static_cast<std::int64_t>(number(length)));
  return found == run.goals.end() ? std::nullopt : std::optional(found->second);
}

// One row per run and length; `from` is the rest of the query, where ?1 is the run. Its first two
// columns are the length and the ratio.
report::Table table_of(const std::vector<Shown>& columns, const std::string& lead,
                       const std::string& from, const store::Reader& reader,
                       const std::vector<BenchRun>& runs) {
  report::Table table;
  std::string sql = "SELECT " + lead;
  for (const auto& each : columns) {
    table.columns.push_back(each.column);
    const bool known = each.sql == "label" || each.sql == "goal" || each.sql == "reached" || each.sql == "run";
    sql += ", " + (known ? "NULL" : each.sql);
  }
  for (const auto& run : runs) {
    for (const auto& row : reader.query(sql + from, {run.id}).rows) {
      const auto goal = goal_of(run, row[0]);
      std::vector<report::Cell> cells;
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const auto& each = columns[i];
        store::Value value = row[i + 2];
        if (each.sql == "label") value = run.label;
        if (each.sql == "run") value = run.id;
        if (each.sql == "goal" && goal) value = *goal;
        if (each.sql == "reached" && goal && !std::isnan(number(row[1]))) {
          value = std::string(number(row[1]) >= *goal ? "yes" : "no");
        }
        const double shown = number(value);
        const bool rewritten = each.text != nullptr && !std::isnan(shown);
        cells.push_back({value, rewritten ? each.text(shown) : ""});
      }
      table.rows.push_back(std::move(cells));
    }
  }
  return table;
}

// length, ratio, its quartiles, growth exponents of both sides.
std::vector<store::Row> ratios_of(const store::Reader& reader, const BenchRun& run) {
  return reader
      .query("SELECT length, ratio, ratio_q1, ratio_q3, growth_exponent, sdpa_growth_exponent FROM "
             "timings WHERE run_id = ?1 ORDER BY length",
             {run.id})
      .rows;
}

}  // namespace

report::Table timings_table(BenchKind kind, const store::Reader& reader,
                            const std::vector<BenchRun>& runs) {
  const auto columns = kind == BenchKind::train ? training_columns() : attention_columns();
  return table_of(columns, "length, ratio", " FROM timings WHERE run_id = ?1 ORDER BY length",
                  reader, runs);
}

report::Table roofline_table(const store::Reader& reader, const std::vector<BenchRun>& runs) {
  return table_of(roofline_columns(), "step, NULL",
                  " FROM curves WHERE run_id = ?1 GROUP BY step HAVING max(value) FILTER (WHERE key "
                  "= 'roofline/share') IS NOT NULL ORDER BY step",
                  reader, runs);
}

report::Table goals_table(const store::Reader& reader, const std::vector<BenchRun>& runs) {
  std::set<std::int64_t> lengths;
  for (const auto& run : runs) {
    for (const auto& row : ratios_of(reader, run)) {
      if (goal_of(run, row[0])) lengths.insert(std::get<std::int64_t>(row[0]));
    }
  }
  report::Table table;
  if (lengths.empty()) return table;
  table.columns.push_back({"times faster than SDPA", Align::left});
  for (const auto length : lengths) table.columns.push_back({"T=" + std::to_string(length)});
  for (const auto& run : runs) {
    const auto rows = ratios_of(reader, run);
    std::vector<report::Cell> cells{{run.label}};
    for (const auto length : lengths) {
      std::string shown;
      for (const auto& row : rows) {
        const double ratio = number(row[1]);
        if (row[0] != store::Value(length) || std::isnan(ratio)) continue;
        const auto goal = goal_of(run, row[0]);
        shown = times(ratio);
        if (goal) shown += fmt::format(" of {}x: {}", *goal, ratio >= *goal ? "yes" : "no");
      }
      cells.push_back({shown});
    }
    table.rows.push_back(std::move(cells));
  }
  return table;
}

std::string growth_lines(const store::Reader& reader, const std::vector<BenchRun>& runs) {
  std::string lines;
  for (const auto& run : runs) {
    const auto rows = ratios_of(reader, run);
    if (rows.empty() || std::isnan(number(rows.back()[4]))) continue;
    lines += fmt::format("{}: time grows as T^{:.2f}", run.label, number(rows.back()[4]));
    if (const double peer = number(rows.back()[5]); !std::isnan(peer)) {
      lines += fmt::format(", LibTorch's as T^{:.2f}", peer);
    }
    lines += "\n";
  }
  return lines;
}

std::string conditions(const store::Reader& reader, const BenchRun& run) {
  const auto one = [&](const char* sql) {
    const auto rows = reader.query(sql, {run.id}).rows;
    return rows.empty() ? "" : text(rows[0][0]);
  };
  const auto machine =
      one("SELECT coalesce(content ->> '$.cpu', 'unknown CPU') || ' (' || "
          "coalesce(content ->> '$.instruction_sets', '') || ')' FROM environments WHERE id = "
          "(SELECT environment_id FROM run_attempts WHERE id = ?1)");
  const auto shape = one(
      "SELECT threads || ' threads, B=' || batch || ' H=' || heads || ' D=' || head_dim || ', ' || "
      "pass || CASE WHEN pass = 'both' THEN ' passes' ELSE '' END FROM timings WHERE run_id = ?1");
  const auto gpu = one("SELECT text FROM facts WHERE run_id = ?1 AND name = 'gpu'");
  const auto inputs = one("SELECT text FROM facts WHERE run_id = ?1 AND name = 'inputs'");
  const auto sdpa = one("SELECT text FROM facts WHERE run_id = ?1 AND name = 'sdpa_kernel'");
  std::string lines = (gpu.empty() ? machine : gpu + "; " + machine) + "\n";
  if (!shape.empty()) lines += shape + "; " + inputs + "\n";
  if (!sdpa.empty()) lines += "SDPA: " + sdpa + ", causal, same dtype and threads, in turn\n";
  return lines;
}

report::Plot ratio_plot(const store::Reader& reader, const std::vector<BenchRun>& runs,
                        const std::string& title) {
  report::Plot plot{title.empty() ? "attention against LibTorch's" : title,
                    "times faster; the band is from quartile to quartile",
                    "T",
                    "times faster",
                    {}};
  for (const auto& run : runs) {
    report::Series series{run.label, {}};
    for (const auto& row : ratios_of(reader, run)) {
      series.points.push_back({number(row[0]), number(row[1]), number(row[2]), number(row[3])});
    }
    if (!series.points.empty()) plot.series.push_back(std::move(series));
  }
  return plot;
}

}  // namespace attnlab::cli
