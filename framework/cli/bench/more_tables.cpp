// bench_more_tables.cpp: the tables of --roofline and of `attnlab bench train`.
#include "framework/cli/bench/values.h"

namespace attnlab::cli {

report::Table roofline_table(const store::Reader& reader, const std::vector<BenchRun>& runs) {
  constexpr char kSql[] =
      "SELECT step, max(value) FILTER (WHERE key = 'roofline/large_gemm'), "
      "max(value) FILTER (WHERE key = 'roofline/tile_gemm'), "
      "max(value) FILTER (WHERE key = 'roofline/exponentials'), "
      "max(value) FILTER (WHERE key = 'roofline/bandwidth'), "
      "max(value) FILTER (WHERE key = 'tile_efficiency'), "
      "max(value) FILTER (WHERE key = 'roofline/gemm_seconds'), "
      "max(value) FILTER (WHERE key = 'roofline/exp_seconds'), "
      "max(value) FILTER (WHERE key = 'roofline/memory_seconds'), "
      "max(value) FILTER (WHERE key = 'roofline/seconds'), "
      "max(value) FILTER (WHERE key = 'seconds_median'), "
      "max(value) FILTER (WHERE key = 'bytes_rate'), "
      "max(value) FILTER (WHERE key = 'roofline/share') AS share FROM curves WHERE run_id = ?1 "
      "GROUP BY step HAVING share IS NOT NULL ORDER BY step";
  report::Table table;
  table.columns.push_back({"attention", report::Align::left});
  for (const char* title :
       {"T", "large GEMM GFLOP/s", "GEMM 64x64xD GFLOP/s", "G exp/s", "GB/s", "tiles",
        "products ms", "exp ms", "memory ms", "bound ms", "measured ms", "moved GB/s", "share"}) {
    table.columns.push_back({title});
  }
  for (const auto& run : runs) {
    for (const auto& row : reader.query(kSql, {run.id}).rows) {
      std::vector<report::Cell> cells{{run.label}, {row[0]}};
      for (std::size_t i = 1; i < row.size(); ++i) {
        const double value = number(row[i]);
        cells.push_back(cell(value, i <= 4 || i == 11   ? fmt::format("{:.1f}", value / 1e9)
                                    : i == 5 || i == 12 ? fmt::format("{:.2f}", value)
                                                        : milliseconds(value)));
      }
      table.rows.push_back(std::move(cells));
    }
  }
  return table;
}

report::Table training_table(const store::Reader& reader, const std::vector<BenchRun>& runs) {
  using report::Align;
  using report::Format;
  constexpr char kSql[] =
      "SELECT length, batch, seconds, samples, tokens_per_second, peer_tokens_per_second, ratio, "
      "flop_utilisation, peer_flop_utilisation, peak_bytes, peer_peak_bytes, kernel, shared "
      "FROM timings WHERE run_id = ?1 ORDER BY length";
  report::Table table;
  table.columns = {{"attention", Align::left},
                   {"T"},
                   {"batch"},
                   {"seconds", Align::right, Format::automatic, "step ms"},
                   {"samples"},
                   {"tokens_per_second", Align::right, Format::grouped, "tokens/s"},
                   {"peer_tokens_per_second", Align::right, Format::grouped, "peer's"},
                   {"ratio", Align::right, Format::automatic, "faster"},
                   {"goal"},
                   {"reached", Align::left},
                   {"flop_utilisation", Align::right, Format::automatic, "utilisation"},
                   {"peer_flop_utilisation", Align::right, Format::automatic, "peer's"},
                   {"peak_bytes", Align::right, Format::bytes, "peak"},
                   {"peer_peak_bytes", Align::right, Format::bytes, "peer's"},
                   {"kernel", Align::left},
                   {"shared", Align::left, Format::yes_no},
                   {"run"}};
  for (const auto& run : runs) {
    for (const auto& row : reader.query(kSql, {run.id}).rows) {
      const auto length = static_cast<std::int64_t>(number(row[0]));
      const auto goal = run.goals.find(length);
      const bool has_goal = goal != run.goals.end();
      const double ratio = number(row[6]);
      const auto share = [&](std::size_t i) {
        return cell(number(row[i]), fmt::format("{:.1f} %", number(row[i]) * 100));
      };
      const report::Cell none{store::Value{}};
      table.rows.push_back({{run.label},
                            {row[0]},
                            cell(number(row[1]), fmt::format("{:.0f}", number(row[1]))),
                            cell(number(row[2]), milliseconds(number(row[2]))),
                            cell(number(row[3]), fmt::format("{:.0f}", number(row[3]))),
                            {row[4]},
                            {row[5]},
                            cell(ratio, fmt::format("{:.2f}x", ratio)),
                            has_goal ? cell(goal->second, fmt::format("{}x", goal->second)) : none,
                            has_goal && !std::isnan(ratio)
                                ? report::Cell{std::string(ratio >= goal->second ? "yes" : "no")}
                                : none,
                            share(7),
                            share(8),
                            {row[9]},
                            {row[10]},
                            {row[11]},
                            {row[12]},
                            {run.id}});
    }
  }
  return table;
}

}  // namespace attnlab::cli
