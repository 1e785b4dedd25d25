#include "framework/report/curves.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/report/study.h"
#include "framework/report/table.h"

namespace attnlab::report {
namespace {

// Bounds of one figure, so that it takes a second whatever the database holds.
constexpr std::int64_t kMostPoints = 1000;          // of one run ...
constexpr std::int64_t kMostPointsOfAll = 100'000;  // ... and of all, 50 of a run at least
constexpr std::int64_t kMostNumbersRead = 4'000'000;

struct AxisNames {
  const char* name;
  const char* sql;  // of the piece that begins with the step `first`
  const char* label;
};
#define ATTNLAB_LAST_EVENT \
  " FROM events WHERE run_id = ?1 AND step < (first / ?3 + 1) * ?3 ORDER BY step DESC LIMIT 1)"
constexpr AxisNames kAxes[]{
    {"step", "first", "optimiser step"},
    {"seconds", "(SELECT train_seconds" ATTNLAB_LAST_EVENT, "training seconds"},
    {"tokens", "(SELECT tokens_seen" ATTNLAB_LAST_EVENT, "training tokens seen"}};
#undef ATTNLAB_LAST_EVENT

/// How the numbers of a metric become points: `width` steps make one, of which the first
/// `numbers` numbers are read. Width 1 is every number.
struct Pieces {
  std::int64_t width = 1, numbers = 1;
};

Pieces pieces_for(const store::Reader& reader, const Runs& runs, std::int64_t key) {
  std::int64_t most = 0, last = 0;
  for (const auto& run : runs) {
    const auto rows = reader
                          .query(
                              "SELECT count, last_step FROM run_last WHERE run_id = ?1 AND "
                              "key_id = ?2",
                              {run.value("id"), key})
                          .rows;
    if (rows.empty()) continue;
    most = std::max(most, std::get<std::int64_t>(rows[0][0]));
    last = std::max(last, std::get<std::int64_t>(rows[0][1]));
  }
  const auto count = static_cast<std::int64_t>(runs.size());
  const auto points = std::clamp<std::int64_t>(kMostPointsOfAll / count, 50, kMostPoints);
  if (most <= points) return {};
  return {last / points + 1, std::max<std::int64_t>(1, kMostNumbersRead / (points * count))};
}

/// One row for each piece of a run: x, then mean, smallest, largest, count and how many are NaN as
/// one text, because a piece must be one range of the index: GROUP BY would sort all numbers.
std::string sql_for(Axis axis) {
  return std::string(
             "WITH RECURSIVE piece (first) AS (SELECT min(step) FROM metrics WHERE run_id = ?1 AND "
             "key_id = ?2 UNION ALL SELECT (SELECT min(step) FROM metrics WHERE run_id = ?1 AND "
             "key_id = ?2 AND step >= (first / ?3 + 1) * ?3) FROM piece WHERE first IS NOT NULL) "
             "SELECT first / ?3, ") +
         kAxes[static_cast<std::size_t>(axis)].sql +
         ", (SELECT format('%!.17g %!.17g %!.17g %d', avg(value), min(value), max(value), "
         "count(*) - count(value)) FROM (SELECT value FROM metrics WHERE run_id = ?1 AND key_id = "
         "?2 AND step >= first AND step < (first / ?3 + 1) * ?3 ORDER BY step LIMIT ?4)) "
         "FROM piece WHERE first IS NOT NULL";
}

/// What the seeds of one group had in one piece.
struct AtPiece {
  double x = 0, y = 0;  // sums
  double low = INFINITY, high = -INFINITY;
  int count = 0;

  void add(double at, const std::string& text) {
    double mean = NAN, smallest = NAN, largest = NAN;
    int unknown = 0;
    std::sscanf(text.c_str(), "%lf %lf %lf %d", &mean, &smallest, &largest, &unknown);
    x += at;
    y += unknown > 0 ? NAN : mean;
    low = std::min(low, smallest);
    high = std::max(high, largest);
    ++count;
  }
};

Series series_of(const store::Reader& reader, const Group& group, std::int64_t key,
                 const std::string& sql, const Pieces& pieces) {
  std::map<std::int64_t, AtPiece> points;
  for (const auto& run : group.runs) {
    const auto add = [&](const store::Row& row) {
      points[std::get<std::int64_t>(row[0])].add(number(row[1]), std::get<std::string>(row[2]));
    };
    reader.each(
        sql, {run.value("id"), key, pieces.width, pieces.numbers}, [](const auto&) {}, add);
  }
  Series series{group.label, {}, group.attention == "none"};
  for (const auto& [piece, at] : points) {
    series.points.push_back({at.x / at.count, at.y / at.count, at.low, at.high});
  }
  return series;
}

std::string measure_of(const Runs& runs) {
  for (const auto& run : runs) {
    if (const auto metric = run.text("metric"); !metric.empty()) return "val/" + metric;
  }
  return "train/loss";
}

std::set<std::string> keys_of(const store::Reader& reader, const Runs& runs) {
  std::set<std::string> keys;
  for (const auto& run : runs) {
    const auto answer = reader.query(
        "SELECT name FROM run_last JOIN metric_keys ON metric_keys.id = key_id WHERE run_id = ?1",
        {run.value("id")});
    for (const auto& row : answer.rows) keys.insert(std::get<std::string>(row[0]));
  }
  return keys;
}

[[noreturn]] void no_such_key(const store::Reader& reader, const Runs& runs,
                              const std::string& study, const std::string& key) {
  const auto keys = keys_of(reader, runs);
  const std::vector<std::string> names(keys.begin(), keys.end());
  throw Error("no run of study '" + study + "' has the metric '" + key + "'." +
              did_you_mean(key, names));
}

Plot empty_plot(const std::string& study, const std::string& key, const std::string& unit,
                const Runs& runs, Axis axis, const Pieces& pieces) {
  Plot plot{study + ": " + key,
            data_text(runs),
            kAxes[static_cast<std::size_t>(axis)].label,
            unit.empty() ? key : key + ", " + unit,
            {}};
  if (pieces.width > 1) {
    plot.subtitle +=
        "; a point is the mean of up to " + grouped(pieces.width) + " steps, the band their range";
  }
  return plot;
}

struct LayerKey {
  std::int64_t id;
  std::string unit;
};

/// Of the layers that runs of the study have: "KEY/layer_2".
std::map<std::int64_t, LayerKey> keys_by_layer(const store::Reader& reader, const Runs& runs,
                                               const std::string& key) {
  const auto prefix = key + "/layer_";
  std::map<std::int64_t, LayerKey> found;
  const auto answer = reader.query(
      "SELECT id, CAST(substr(name, length(?1) + 1) AS INTEGER), unit FROM metric_keys WHERE "
      "substr(name, 1, length(?1)) = ?1",
      {prefix});
  for (const auto& row : answer.rows) {
    const bool used = std::ranges::any_of(runs, [&](const RunRow& run) {
      return !reader
                  .query("SELECT 1 FROM run_last WHERE run_id = ?1 AND key_id = ?2",
                         {run.value("id"), row[0]})
                  .rows.empty();
    });
    if (used) {
      found[std::get<std::int64_t>(row[1])] = {std::get<std::int64_t>(row[0]), exact(row[2])};
    }
  }
  return found;
}

[[noreturn]] void no_such_layers(const store::Reader& reader, const Runs& runs,
                                 const std::string& study, const std::string& key) {
  std::set<std::string> names;
  for (const auto& name : keys_of(reader, runs)) {
    if (const auto at = name.find("/layer_"); at != name.npos) names.insert(name.substr(0, at));
  }
  const std::vector<std::string> known(names.begin(), names.end());
  throw Error("no run of study '" + study + "' has the metric '" + key + "' by layer; " +
              (known.empty() ? "none has any: only what attentions report is stored so"
                             : "there are " + join(known, ", ")) +
              ".");
}

}  // namespace

Axis axis_from(const std::string& name) {
  for (std::size_t i = 0; i < std::size(kAxes); ++i) {
    if (kAxes[i].name == name) return static_cast<Axis>(i);
  }
  throw Error("unknown axis '" + name + "'; expected step, seconds or tokens", kExitUsage);
}

Plot curves_plot(const store::Reader& reader, const std::string& study, const std::string& key,
                 Axis axis) {
  const auto runs = runs_of_study(reader, study);
  const auto chosen = key.empty() ? measure_of(runs) : key;
  const auto known =
      reader.query("SELECT id, unit FROM metric_keys WHERE name = ?1", {chosen}).rows;
  if (known.empty()) no_such_key(reader, runs, study, chosen);
  const auto id = std::get<std::int64_t>(known[0][0]);
  const auto pieces = pieces_for(reader, runs, id);
  auto plot = empty_plot(study, chosen, exact(known[0][1]), runs, axis, pieces);
  for (const auto& group : groups_of(runs)) {
    auto series = series_of(reader, group, id, sql_for(axis), pieces);
    if (!series.points.empty()) plot.series.push_back(std::move(series));
  }
  if (plot.series.empty()) no_such_key(reader, runs, study, chosen);
  std::ranges::stable_partition(plot.series, [](const Series& s) { return !s.is_floor; });
  return plot;
}

Plot layers_plot(const store::Reader& reader, const std::string& study, const std::string& key,
                 const std::vector<std::int64_t>& layers, Axis axis) {
  const auto runs = runs_of_study(reader, study);
  const auto known = keys_by_layer(reader, runs, key);
  if (known.empty()) no_such_layers(reader, runs, study, key);
  const auto pieces = pieces_for(reader, runs, known.begin()->second.id);
  auto plot = empty_plot(study, key + " by layer", known.begin()->second.unit, runs, axis, pieces);
  const auto last = static_cast<double>(std::max<std::int64_t>(1, known.rbegin()->first));
  std::size_t kind = 0;
  for (const auto& group : groups_of(runs)) {
    const auto before = plot.series.size();
    for (const auto& [layer, of] : known) {
      if (!layers.empty() && std::ranges::find(layers, layer) == layers.end()) continue;
      auto series = series_of(reader, group, of.id, sql_for(axis), pieces);
      if (series.points.empty()) continue;
      series.label += ", layer " + std::to_string(layer);
      series.is_floor = false;
      series.shade = static_cast<double>(layer) / last;
      series.kind = kind;
      plot.series.push_back(std::move(series));
    }
    if (plot.series.size() > before) ++kind;
  }
  std::vector<std::string> there;
  for (const auto& [layer, of] : known) there.push_back(std::to_string(layer));
  for (const auto layer : layers) {
    if (!known.contains(layer)) {
      throw Error("no run of study '" + study + "' has layer " + std::to_string(layer) + " of '" + key +
                  "'; there are " + join(there, ", ") + ".");
    }
  }
  return plot;
}

}  // namespace attnlab::report
