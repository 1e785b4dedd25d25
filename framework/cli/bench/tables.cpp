#include "framework/cli/bench/tables.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "framework/core/text.h"

namespace attnlab::cli {
namespace {

using report::Align;
using report::Column;
using report::Format;

/// {"4096":13}: SQL finds the goal of a length in it.
std::string goals_json(const BenchRun& run) {
  std::string json;
  for (const auto& [length, goal] : run.goals) {
    json += fmt::format("{}\"{}\":{}", json.empty() ? "" : ",", length, exact_number(goal));
  }
  return "{" + json + "}";
}

/// The rows of `sql` for each run, a column each. ?1 is the run, ?2 its label, ?3 its goals.
report::Table table_of(const store::Reader& reader, const BenchRuns& runs, const std::string& sql,
                       std::vector<Column> columns) {
  report::Table table{std::move(columns), {}};
  for (const auto& run : runs) {
    store::Row parameters{run.id, run.label};
    if (sql.find("?3") != std::string::npos) parameters.emplace_back(goals_json(run));
    for (auto& row : reader.query(sql, parameters).rows) {
      auto& cells = table.rows.emplace_back();
      for (auto& value : row) cells.push_back({std::move(value)});
    }
  }
  return table;
}

// Of a table from `timings`: the goal of its length, and whether it is reached.
constexpr char kGoal[] =
    "?3 ->> ('$.\"' || length || '\"') AS goal, CASE WHEN ratio >= ?3 ->> ('$.\"' || length || "
    "'\"') THEN 'yes' WHEN ratio < ?3 ->> ('$.\"' || length || '\"') THEN 'no' END";
constexpr char kFrom[] = " FROM timings WHERE run_id = ?1 ORDER BY length";

report::Table attention_table(const store::Reader& reader, const BenchRuns& runs) {
  const auto sql = fmt::format(
      "SELECT ?2, dtype, length, seconds, seconds_q1, seconds_q3, (seconds_q3 - seconds_q1) / 2 / "
      "seconds, cores_busy, samples, sdpa_seconds, ratio, ratio_q1, ratio_q3, {}, pairs_over_even, flop_rate, "
      "tile_efficiency, peak_bytes, process_peak_bytes, kernel, shared, ?1{}",
      kGoal, kFrom);
  return table_of(reader, runs, sql,
                  {{"attention", Align::left},
                   {"dtype", Align::left},
                   {"T"},
                   {"seconds", Align::right, Format::milliseconds, "ms"},
                   {"seconds_q1", Align::right, Format::automatic, "", true},
                   {"seconds_q3", Align::right, Format::automatic, "", true},
                   {"spread", Align::right, Format::percent, "±"},
                   {"cores_busy", Align::right, Format::fixed2, "cores"},
                   {"samples", Align::right, Format::grouped},
                   {"sdpa_seconds", Align::right, Format::milliseconds, "SDPA ms"},
                   {"ratio", Align::right, Format::times, "faster"},
                   {"ratio_q1", Align::right, Format::automatic, "", true},
                   {"ratio_q3", Align::right, Format::automatic, "", true},
                   {"goal"},
                   {"reached", Align::left},
                   {"pairs_over_even", Align::right, Format::fixed2, "pairs / even"},
                   {"flop_rate", Align::right, Format::giga, "useful GFLOP/s"},
                   {"tile_efficiency", Align::right, Format::fixed2, "tiles"},
                   {"peak_bytes", Align::right, Format::bytes, "beyond in/out"},
                   {"process_peak_bytes", Align::right, Format::bytes, "process"},
                   {"kernel", Align::left},
                   {"shared", Align::left, Format::yes_no},
                   {"run"}});
}

report::Table training_table(const store::Reader& reader, const BenchRuns& runs) {
  const auto sql = fmt::format(
      "SELECT ?2, length, batch, seconds, samples, tokens_per_second, peer_tokens_per_second, "
      "ratio, {}, pairs_over_even, peer_pairs_over_even, loss, flop_utilisation, peer_flop_utilisation, peak_bytes, peer_peak_bytes, kernel, "
      "shared, ?1{}",
      kGoal, kFrom);
  return table_of(reader, runs, sql,
                  {{"attention", Align::left},
                   {"T"},
                   {"batch", Align::right, Format::grouped},
                   {"seconds", Align::right, Format::milliseconds, "step ms"},
                   {"samples", Align::right, Format::grouped},
                   {"tokens_per_second", Align::right, Format::grouped, "tokens/s"},
                   {"peer_tokens_per_second", Align::right, Format::grouped, "peer's"},
                   {"ratio", Align::right, Format::times, "faster"},
                   {"goal"},
                   {"reached", Align::left},
                   {"pairs_over_even", Align::right, Format::fixed2, "pairs / even"},
                   {"peer_pairs_over_even", Align::right, Format::fixed2, "", true},
                   {"loss", Align::right, Format::fixed3, "loss before"},
                   {"flop_utilisation", Align::right, Format::percent, "utilisation"},
                   {"peer_flop_utilisation", Align::right, Format::percent, "peer's"},
                   {"peak_bytes", Align::right, Format::bytes, "peak"},
                   {"peer_peak_bytes", Align::right, Format::bytes, "peer's"},
                   {"kernel", Align::left},
                   {"shared", Align::left, Format::yes_no},
                   {"run"}});
}

}  // namespace

report::Table timings_table(BenchKind kind, const store::Reader& reader, const BenchRuns& runs) {
  return kind == BenchKind::train ? training_table(reader, runs) : attention_table(reader, runs);
}

report::Table roofline_table(const store::Reader& reader, const BenchRuns& runs) {
  struct Part {
    const char* key;
    Format format;
    const char* title;
  };
  constexpr Part kParts[]{{"roofline/large_gemm", Format::giga, "large GEMM GFLOP/s"},
                          {"roofline/tile_gemm", Format::giga, "GEMM 64x64xD GFLOP/s"},
                          {"roofline/fma", Format::giga, "FMA GFLOP/s"},
                          {"roofline/exponentials", Format::giga, "G exp/s"},
                          {"roofline/bandwidth", Format::giga, "GB/s"},
                          {"tile_efficiency", Format::fixed2, "tiles"},
                          {"roofline/gemm_seconds", Format::milliseconds, "products ms"},
                          {"roofline/exp_seconds", Format::milliseconds, "exp ms"},
                          {"roofline/memory_seconds", Format::milliseconds, "memory ms"},
                          {"roofline/seconds", Format::milliseconds, "bound ms"},
                          {"seconds_median", Format::milliseconds, "measured ms"},
                          {"bytes_rate", Format::giga, "moved GB/s"},
                          {"roofline/share", Format::fixed2, "share"}};
  std::string sql = "SELECT ?2, step";
  std::vector<Column> columns{{"attention", Align::left}, {"T"}};
  for (const auto& [key, format, title] : kParts) {
    sql += fmt::format(", max(value) FILTER (WHERE key = '{}')", key);
    columns.push_back({title, Align::right, format});
  }
  sql +=
      " FROM curves WHERE run_id = ?1 GROUP BY step HAVING max(key = 'roofline/share') = 1 ORDER "
      "BY step";
  return table_of(reader, runs, sql, std::move(columns));
}

report::Table goals_table(const store::Reader& reader, const BenchRuns& runs) {
  std::set<std::int64_t> lengths;  // for which a run has a goal
  std::vector<std::map<std::int64_t, std::string>> shown(runs.size());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto sql = std::string("SELECT length, ratio, pairs_over_even") + kFrom;
    for (const auto& row : reader.query(sql, {runs[i].id}).rows) {
      const auto length = store::whole_of(row[0]);
      const double ratio = report::number(row[1]);
      const auto goal = runs[i].goals.find(length);
      auto& text = shown[i][length] = report::display(report::number_cell(ratio), Format::times);
      if (goal == runs[i].goals.end()) continue;
      lengths.insert(length);
      text += fmt::format(" of {}x: {}", exact_number(goal->second),
                          ratio >= goal->second ? "yes" : "no");
      if (const double even = report::number(row[2]); !std::isnan(even)) {
        text += fmt::format(" ({:.2f} of even pairs)", even);
      }
    }
  }
  report::Table table;
  if (lengths.empty()) return table;
  table.columns.push_back({"times faster than SDPA", Align::left});
  for (const auto length : lengths) table.columns.push_back({"T=" + std::to_string(length)});
  for (std::size_t i = 0; i < runs.size(); ++i) {
    auto& row = table.rows.emplace_back();
    row.push_back({runs[i].label});
    for (const auto length : lengths) row.push_back({shown[i][length]});
  }
  return table;
}

std::string growth_lines(const store::Reader& reader, const BenchRuns& runs) {
  std::string lines;
  for (const auto& run : runs) {
    const auto rows = reader
                          .query(
                              "SELECT growth_exponent, sdpa_growth_exponent FROM timings WHERE "
                              "run_id = ?1 ORDER BY length DESC LIMIT 1",
                              {run.id})
                          .rows;
    if (rows.empty() || store::is_null(rows[0][0])) continue;
    lines += fmt::format("{}: time grows as T^{:.2f}", run.label, report::number(rows[0][0]));
    if (!store::is_null(rows[0][1])) {
      lines += fmt::format(", LibTorch's as T^{:.2f}", report::number(rows[0][1]));
    }
    lines += "\n";
  }
  return lines;
}

std::string conditions(const store::Reader& reader, const BenchRun& run) {
  const auto one = [&](const std::string& sql) {
    const auto rows = reader.query(sql, {run.id}).rows;
    return rows.empty() ? "" : report::exact(rows[0][0]);
  };
  const auto fact = [&](const char* name) {
    return one(fmt::format("SELECT text FROM facts WHERE run_id = ?1 AND name = '{}'", name));
  };
  const auto machine =
      one("SELECT coalesce(content ->> '$.cpu', 'unknown CPU') || ' (' || "
          "coalesce(content ->> '$.instruction_sets', '') || ')' FROM environments WHERE id = "
          "(SELECT environment_id FROM run_attempts WHERE id = ?1)");
  const auto shape = one(
      "SELECT threads || ' threads, B=' || batch || ' H=' || heads || ' D=' || head_dim || ', ' || "
      "pass || CASE WHEN pass = 'both' THEN ' passes' ELSE '' END FROM timings WHERE run_id = ?1");
  const auto gpu = fact("gpu"), sdpa = fact("sdpa_kernel");
  std::string lines = (gpu.empty() ? machine : gpu + "; " + machine) + "\n";
  if (!shape.empty()) lines += shape + "; " + fact("inputs") + "\n";
  if (!sdpa.empty()) lines += "SDPA: " + sdpa + ", causal, same dtype and threads, in turn\n";
  return lines;
}

report::Plot ratio_plot(const store::Reader& reader, const BenchRuns& runs,
                        const std::string& title) {
  report::Plot plot{title.empty() ? "attention against LibTorch's" : title,
                    "times faster; the band is from quartile to quartile",
                    "T",
                    "times faster",
                    {}};
  for (const auto& run : runs) {
    report::Series series{run.label, {}};
    const auto sql = std::string("SELECT length, ratio, ratio_q1, ratio_q3") + kFrom;
    for (const auto& row : reader.query(sql, {run.id}).rows) {
      series.points.push_back({report::number(row[0]), report::number(row[1]),
                               report::number(row[2]), report::number(row[3])});
    }
    if (!series.points.empty()) plot.series.push_back(std::move(series));
  }
  return plot;
}

}  // namespace attnlab::cli
