#include "framework/report/curves.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <set>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/report/caption.h"
#include "framework/report/study.h"

namespace attnlab::report {
namespace {

/// What the seeds of one group had at one step.
struct AtStep {
  double x = 0, y = 0;  // sums
  double low = INFINITY, high = -INFINITY;
  int count = 0;
};

const char* column_of(Axis axis) {
  switch (axis) {
    case Axis::seconds:
      return "train_seconds";
    case Axis::tokens:
      return "tokens_seen";
    case Axis::step:
      break;
  }
  return "step";
}

const char* label_of(Axis axis) {
  switch (axis) {
    case Axis::seconds:
      return "training seconds";
    case Axis::tokens:
      return "training tokens seen";
    case Axis::step:
      break;
  }
  return "optimiser step";
}

double number(const store::Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  return NAN;
}

Series series_of(const store::Reader& reader, const Group& group, const std::string& key,
                 Axis axis) {
  const std::string sql = std::string("SELECT step, ") + column_of(axis) +
                          ", value FROM curves WHERE run_id = ?1 AND key = ?2 ORDER BY step";
  std::map<std::int64_t, AtStep> steps;
  for (const auto& run : group.runs) {
    for (const auto& row : reader.query(sql, {run.value("id"), key}).rows) {
      auto& at = steps[std::get<std::int64_t>(row[0])];
      const double y = number(row[2]);
      at.x += number(row[1]);
      at.y += y;
      at.low = std::min(at.low, y);
      at.high = std::max(at.high, y);
      ++at.count;
    }
  }
  Series series{group.label, {}, group.attention == "none"};
  for (const auto& [step, at] : steps) {
    series.points.push_back({at.x / at.count, at.y / at.count, at.low, at.high});
  }
  return series;
}

std::string measure_of(const std::vector<RunRow>& runs) {
  for (const auto& run : runs) {
    if (const auto metric = run.text("metric"); !metric.empty()) return "val/" + metric;
  }
  return "train/loss";
}

[[noreturn]] void no_such_key(const store::Reader& reader, const std::vector<RunRow>& runs,
                              const std::string& study, const std::string& key) {
  std::set<std::string> keys;
  for (const auto& run : runs) {
    const auto answer = reader.query(
        "SELECT name FROM run_last JOIN metric_keys ON metric_keys.id = key_id WHERE run_id = ?1",
        {run.value("id")});
    for (const auto& row : answer.rows) keys.insert(std::get<std::string>(row[0]));
  }
  const std::vector<std::string> names(keys.begin(), keys.end());
  throw Error("no run of study '" + study + "' has the metric '" + key + "'." +
              did_you_mean(key, names));
}

}  // namespace

Axis axis_from(const std::string& name) {
  if (name == "step") return Axis::step;
  if (name == "seconds") return Axis::seconds;
  if (name == "tokens") return Axis::tokens;
  throw Error("unknown axis '" + name + "'; expected step, seconds or tokens", kExitUsage);
}

Plot curves_plot(const store::Reader& reader, const std::string& study, const std::string& key,
                 Axis axis) {
  const auto runs = runs_of_study(reader, study);
  const auto chosen = key.empty() ? measure_of(runs) : key;
  Plot plot{study + ": " + chosen, data_text(runs), label_of(axis), chosen, {}};
  const auto unit =
      reader.query("SELECT unit FROM metric_keys WHERE name = ?1 AND unit <> ''", {chosen});
  if (!unit.rows.empty()) plot.y_label += ", " + std::get<std::string>(unit.rows[0][0]);
  for (const auto& group : groups_of(runs)) {
    auto series = series_of(reader, group, chosen, axis);
    if (!series.points.empty()) plot.series.push_back(std::move(series));
  }
  if (plot.series.empty()) no_such_key(reader, runs, study, chosen);
  std::stable_partition(plot.series.begin(), plot.series.end(),
                        [](const Series& series) { return !series.is_floor; });
  return plot;
}

void write_curves_svg(const store::Reader& reader, const std::string& study, const std::string& key,
                      const std::string& path, Axis axis) {
  const auto svg = to_svg(curves_plot(reader, study, key, axis));
  std::ofstream file(path, std::ios::binary);
  file << svg;
  if (!file.flush()) {
    throw Error("cannot write the plot to '" + path + "': " + std::strerror(errno));
  }
}

}  // namespace attnlab::report
