#include "framework/cli/bench/tables.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <set>

#include "framework/cli/bench/values.h"
#include "framework/core/text.h"

namespace attnlab::cli {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

constexpr char kTimings[] =
    "SELECT length, dtype, seconds, seconds_q1, seconds_q3, samples, sdpa_seconds, ratio, "
    "ratio_q1, ratio_q3, flop_rate, tile_efficiency, peak_bytes, process_peak_bytes, "
    "growth_exponent, sdpa_growth_exponent, cores_busy, kernel, shared FROM timings WHERE run_id = "
    "?1 "
    "ORDER BY length";

struct Timing {
  std::int64_t length = 0;
  std::string dtype, kernel;
  double seconds = kNone, q1 = kNone, q3 = kNone, samples = kNone, sdpa = kNone, ratio = kNone,
         ratio_q1 = kNone, ratio_q3 = kNone, flop_rate = kNone, tiles = kNone, peak = kNone,
         process = kNone, growth = kNone, sdpa_growth = kNone, cores = kNone;
  bool shared = false;
};

std::string text(const store::Value& value) {
  const auto* found = std::get_if<std::string>(&value);
  return found == nullptr ? "" : *found;
}

std::vector<Timing> timings_of(const store::Reader& reader, std::int64_t run) {
  std::vector<Timing> timings;
  for (const auto& row : reader.query(kTimings, {run}).rows) {
    Timing t;
    t.length = static_cast<std::int64_t>(number(row[0]));
    t.dtype = text(row[1]);
    double* const fields[]{&t.seconds, &t.q1,       &t.q3,       &t.samples,     &t.sdpa,
                           &t.ratio,   &t.ratio_q1, &t.ratio_q3, &t.flop_rate,   &t.tiles,
                           &t.peak,    &t.process,  &t.growth,   &t.sdpa_growth, &t.cores};
    for (std::size_t i = 0; i < std::size(fields); ++i) *fields[i] = number(row[i + 2]);
    t.kernel = text(row[17]);
    t.shared = number(row[18]) == 1;
    timings.push_back(std::move(t));
  }
  return timings;
}

std::string times(double ratio) { return std::isnan(ratio) ? "" : fmt::format("{:.2f}x", ratio); }

std::optional<double> goal_of(const BenchRun& run, std::int64_t length) {
  const auto found = run.goals.find(length);
  return found == run.goals.end() ? std::nullopt : std::optional(found->second);
}

report::Cell reached(const BenchRun& run, const Timing& t) {
  const auto goal = goal_of(run, t.length);
  if (!goal || std::isnan(t.ratio)) return {store::Value{}};
  return {std::string(t.ratio >= *goal ? "yes" : "no")};
}

report::Table attention_table(const store::Reader& reader, const std::vector<BenchRun>& runs) {
  using report::Align;
  using report::Format;
  report::Table table;
  table.columns = {{"attention", Align::left},
                   {"dtype", Align::left},
                   {"T"},
                   {"seconds", Align::right, Format::automatic, "ms"},
                   {"seconds_q1", Align::right, Format::automatic, "", true},
                   {"seconds_q3", Align::right, Format::automatic, "", true},
                   {"spread", Align::right, Format::automatic, "±"},
                   {"cores_busy", Align::right, Format::automatic, "cores"},
                   {"samples"},
                   {"sdpa_seconds", Align::right, Format::automatic, "SDPA ms"},
                   {"ratio", Align::right, Format::automatic, "faster"},
                   {"ratio_q1", Align::right, Format::automatic, "", true},
                   {"ratio_q3", Align::right, Format::automatic, "", true},
                   {"goal"},
                   {"reached", Align::left},
                   {"flop_rate", Align::right, Format::automatic, "useful GFLOP/s"},
                   {"tile_efficiency", Align::right, Format::automatic, "tiles"},
                   {"peak_bytes", Align::right, Format::bytes, "beyond in/out"},
                   {"process_peak_bytes", Align::right, Format::bytes, "process"},
                   {"kernel", Align::left},
                   {"shared", Align::left, Format::yes_no},
                   {"run"}};
  for (const auto& run : runs) {
    for (const auto& t : timings_of(reader, run.id)) {
      const auto goal = goal_of(run, t.length);
      const double spread = (t.q3 - t.q1) / 2 / t.seconds;
      table.rows.push_back(
          {{run.label},
           {t.dtype},
           {t.length},
           cell(t.seconds, milliseconds(t.seconds)),
           cell(t.q1, ""),
           cell(t.q3, ""),
           cell(spread, fmt::format("{:.1f} %", spread * 100)),
           cell(t.cores, fmt::format("{:.2f}", t.cores)),
           cell(t.samples, fmt::format("{:.0f}", t.samples)),
           cell(t.sdpa, milliseconds(t.sdpa)),
           cell(t.ratio, times(t.ratio)),
           cell(t.ratio_q1, ""),
           cell(t.ratio_q3, ""),
           goal ? cell(*goal, exact_number(*goal) + "x") : report::Cell{store::Value{}},
           reached(run, t),
           cell(t.flop_rate, fmt::format("{:.1f}", t.flop_rate / 1e9)),
           cell(t.tiles, fmt::format("{:.2f}", t.tiles)),
           cell(t.peak, ""),
           cell(t.process, ""),
           {t.kernel},
           {std::int64_t{t.shared}},
           {run.id}});
    }
  }
  return table;
}

}  // namespace

report::Table timings_table(BenchKind kind, const store::Reader& reader,
                            const std::vector<BenchRun>& runs) {
  return kind == BenchKind::train ? training_table(reader, runs) : attention_table(reader, runs);
}

report::Table goals_table(const store::Reader& reader, const std::vector<BenchRun>& runs) {
  std::set<std::int64_t> lengths;
  for (const auto& run : runs) {
    for (const auto& t : timings_of(reader, run.id)) {
      if (goal_of(run, t.length)) lengths.insert(t.length);
    }
  }
  report::Table table;
  if (lengths.empty()) return table;
  table.columns.push_back({"times faster than SDPA", report::Align::left});
  for (const auto length : lengths) table.columns.push_back({"T=" + std::to_string(length)});
  for (const auto& run : runs) {
    const auto timings = timings_of(reader, run.id);
    std::vector<report::Cell> row{{run.label}};
    for (const auto length : lengths) {
      std::string shown;
      for (const auto& t : timings) {
        if (t.length != length) continue;
        const auto goal = goal_of(run, length);
        shown = times(t.ratio);
        if (goal) shown += fmt::format(" of {}x: {}", *goal, t.ratio >= *goal ? "yes" : "no");
      }
      row.push_back({shown});
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string growth_lines(const store::Reader& reader, const std::vector<BenchRun>& runs) {
  std::string lines;
  for (const auto& run : runs) {
    const auto timings = timings_of(reader, run.id);
    if (timings.empty() || std::isnan(timings.back().growth)) continue;
    lines += fmt::format("{}: time grows as T^{:.2f}", run.label, timings.back().growth);
    if (!std::isnan(timings.back().sdpa_growth)) {
      lines += fmt::format(", LibTorch's as T^{:.2f}", timings.back().sdpa_growth);
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
    for (const auto& t : timings_of(reader, run.id)) {
      series.points.push_back({static_cast<double>(t.length), t.ratio, t.ratio_q1, t.ratio_q3});
    }
    if (!series.points.empty()) plot.series.push_back(std::move(series));
  }
  return plot;
}

}  // namespace attnlab::cli
