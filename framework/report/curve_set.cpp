#include "framework/report/curve_set.h"

#include <algorithm>
#include <cmath>

#include "framework/report/table.h"

namespace attnlab::report {
namespace {

constexpr char kEveryNumber[] =
    "SELECT m.step, m.step, train_seconds, tokens_seen, value FROM metrics AS m LEFT JOIN events AS e "
    "ON e.run_id = m.run_id AND e.step = m.step WHERE m.run_id = ?1 AND m.key_id = ?2 ORDER BY m.step";

/// One row for each piece of a run. What it holds is one text, because a piece must be one range of
/// the index: GROUP BY would sort all numbers.
constexpr char kPieces[] =
    "WITH RECURSIVE piece (first) AS (SELECT min(step) FROM metrics WHERE run_id = ?1 AND key_id = ?2 "
    "UNION ALL SELECT (SELECT min(step) FROM metrics WHERE run_id = ?1 AND key_id = ?2 AND step >= "
    "(first / ?3 + 1) * ?3) FROM piece WHERE first IS NOT NULL) "
    "SELECT first / ?3, first, "
    "(SELECT format('%s %d', train_seconds, tokens_seen) FROM events WHERE run_id = ?1 AND step < (first / "
    "?3 + 1) * ?3 ORDER BY step DESC LIMIT 1), "
    "(SELECT format('%!.17g %!.17g %!.17g %d', avg(value), min(value), max(value), count(*) - count(value)) "
    "FROM (SELECT value FROM metrics WHERE run_id = ?1 AND key_id = ?2 AND step >= first AND step < (first / "
    "?3 + 1) * ?3 ORDER BY step LIMIT ?4)) FROM piece WHERE first IS NOT NULL";

/// Sums over the seeds of a group in one piece.
struct Gathered {
  CurvePoint sums{.low = INFINITY, .high = -INFINITY};
  std::int64_t count = 0;

  void add(const CurvePoint& point) {
    sums.step += point.step;
    sums.seconds += point.seconds;
    sums.tokens += point.tokens;
    sums.mean += point.mean;
    sums.low = std::min(sums.low, point.low);
    sums.high = std::max(sums.high, point.high);
    ++count;
  }
  [[nodiscard]] CurvePoint mean() const {
    const auto n = static_cast<double>(count);
    return {sums.step / n, sums.seconds / n, sums.tokens / n, sums.mean / n, sums.low, sums.high};
  }
};

CurvePoint point_from(const store::Row& row) {
  CurvePoint point{.step = number(row[1])};
  if (row.size() == 5) {
    point.seconds = number(row[2]);
    point.tokens = number(row[3]);
    point.mean = point.low = point.high = number(row[4]);
    return point;
  }
  int unknown = 0;
  std::sscanf(exact(row[2]).c_str(), "%lf %lf", &point.seconds, &point.tokens);
  std::sscanf(exact(row[3]).c_str(), "%lf %lf %lf %d", &point.mean, &point.low, &point.high, &unknown);
  if (unknown > 0) point.mean = NAN;
  return point;
}

/// What a line was read from, and how.
std::string state_of(const Group& group, const CurveReading& reading, const LineCache& cache) {
  std::string state = std::to_string(reading.width) + "/" + std::to_string(reading.numbers);
  for (const auto& run : group.runs) {
    const auto found = cache.states.find(store::whole_of(run.value("id")));
    state += " " + run.text("id") + ":" + (found == cache.states.end() ? "" : found->second);
  }
  return state;
}

}  // namespace

CurveReading curve_reading(const store::Reader& reader, const std::vector<Group>& groups,
                           std::int64_t key, const CurveLimits& limits) {
  std::int64_t most = 0, last = 0, runs = 0;
  for (const auto& group : groups) {
    for (const auto& run : group.runs) {
      const auto rows =
          reader.query("SELECT count, last_step FROM run_last WHERE run_id = ?1 AND key_id = ?2",
                       {run.value("id"), key})
              .rows;
      if (rows.empty()) continue;
      ++runs;
      most = std::max(most, store::whole_of(rows[0][0]));
      last = std::max(last, store::whole_of(rows[0][1]));
    }
  }
  if (runs == 0) return {key, 1, 0};
  const auto points = std::clamp<std::int64_t>(limits.points_of_all / runs, limits.least, limits.points);
  if (most <= points) return {key, 1, most};
  return {key, last / points + 1, std::max<std::int64_t>(1, limits.numbers / (points * runs))};
}

CurveLine curve_line(const store::Reader& reader, const Group& group, std::size_t index,
                     const CurveReading& reading) {
  CurveLine line{.group = index, .points = {}};
  std::map<std::int64_t, Gathered> gathered;
  const auto is_done = [](const RunRow& run) { return run.text("status") == "done"; };
  const bool any_done = std::ranges::any_of(group.runs, is_done);
  for (const auto& run : group.runs) {
    if (any_done && !is_done(run)) {
      line.left_out.push_back("seed " + run.text("seed") + " (" + run.text("status") + ")");
      continue;
    }
    bool any = false;
    reader.each(
        reading.width == 1 ? kEveryNumber : kPieces,
        reading.width == 1 ? store::Row{run.value("id"), reading.key}
                           : store::Row{run.value("id"), reading.key, reading.width, reading.numbers},
        [](const auto&) {},
        [&](const store::Row& row) {
          gathered[store::whole_of(row[0])].add(point_from(row));
          any = true;
        });
    line.runs += any ? 1 : 0;
  }
  for (const auto& [piece, at] : gathered) {
    if (at.count == line.runs) line.points.push_back(at.mean());
  }
  return line;
}

std::string left_out_of(const std::vector<CurveLine>& lines, const std::vector<Group>& groups) {
  std::vector<std::string> texts;
  for (const auto& line : lines) {
    for (const auto& run : line.left_out) texts.push_back(groups.at(line.group).label + " " + run);
  }
  return listed(texts);
}

CurveSet curve_set(const store::Reader& reader, const std::vector<Group>& groups,
                   const std::string& key, const CurveLimits& limits, LineCache* cache) {
  CurveSet set{key, {}, 1, {}};
  const auto known = reader.query("SELECT id, unit FROM metric_keys WHERE name = ?1", {key}).rows;
  if (known.empty()) return set;
  set.unit = exact(known[0][1]);
  const auto reading = curve_reading(reader, groups, store::whole_of(known[0][0]), limits);
  set.width = reading.width;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    auto state = cache ? state_of(groups[i], reading, *cache) : std::string();
    auto* kept = cache ? &cache->lines[{key, i}] : nullptr;
    if (kept && kept->state == state) {
      if (kept->line.runs > 0) set.lines.push_back(kept->line);
      continue;
    }
    auto line = curve_line(reader, groups[i], i, reading);
    if (kept) *kept = {std::move(state), line};
    if (line.runs > 0) set.lines.push_back(std::move(line));
  }
  return set;
}

}  // namespace attnlab::report
