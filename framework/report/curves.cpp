#include "framework/report/curves.h"

#include <algorithm>
#include <map>
#include <set>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/report/curve_set.h"
#include "framework/report/study.h"
#include "framework/report/table.h"

namespace attnlab::report {
namespace {

struct AxisNames {
  const char* name;
  double CurvePoint::*x;
  const char* label;
};
constexpr AxisNames kAxes[]{{"step", &CurvePoint::step, "optimiser step"},
                            {"seconds", &CurvePoint::seconds, "training seconds"},
                            {"tokens", &CurvePoint::tokens, "training tokens seen"}};

Series series_of(const CurveLine& line, const Group& group, Axis axis) {
  Series series{group.label, {}, group.attention == "none"};
  series.runs = line.runs;
  const auto x = kAxes[static_cast<std::size_t>(axis)].x;
  for (const auto& point : line.points) series.points.push_back({point.*x, point.mean, point.low, point.high});
  return series;
}

/// What the lines are, and what stands in none of them.
std::vector<std::string> notes_for(const std::vector<CurveLine>& lines, const std::vector<Group>& groups) {
  std::vector<std::string> notes;
  if (std::ranges::any_of(lines, [](const CurveLine& line) { return line.runs > 1; })) {
    notes.emplace_back("Lines are means over n runs, at steps that all of them have; bands reach from the smallest to the largest of them.");
  }
  if (const auto left_out = left_out_of(lines, groups); !left_out.empty()) notes.push_back("Not in the means: " + left_out + ".");
  std::vector<std::string> without, apart;
  for (const auto& line : lines) {
    if (line.points.empty()) (line.runs == 0 ? without : apart).push_back(groups[line.group].label);
  }
  if (!without.empty()) notes.push_back("Without a number of this metric: " + listed(without) + ".");
  if (!apart.empty()) notes.push_back("Not drawn, because no step is common to all runs: " + listed(apart) + ".");
  return notes;
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
    for (const auto& row : answer.rows) keys.insert(store::text_of(row[0]));
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
                const Runs& runs, Axis axis, const CurveReading& pieces) {
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
      found[store::whole_of(row[1])] = {store::whole_of(row[0]), exact(row[2])};
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
  const auto id = store::whole_of(known[0][0]);
  const auto groups = groups_for_figure(runs);
  const auto pieces = curve_reading(reader, groups, id);
  auto plot = empty_plot(study, chosen, exact(known[0][1]), runs, axis, pieces);
  std::vector<CurveLine> lines;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto& line = lines.emplace_back(curve_line(reader, groups[i], i, pieces));
    if (!line.points.empty()) plot.series.push_back(series_of(line, groups[i], axis));
  }
  if (std::ranges::all_of(lines, [](const CurveLine& line) { return line.runs == 0; })) no_such_key(reader, runs, study, chosen);
  plot.notes = notes_for(lines, groups);
  std::ranges::stable_partition(plot.series, [](const Series& s) { return !s.is_floor; });
  return plot;
}

Plot layers_plot(const store::Reader& reader, const std::string& study, const std::string& key,
                 const std::vector<std::int64_t>& layers, Axis axis) {
  const auto runs = runs_of_study(reader, study);
  const auto known = keys_by_layer(reader, runs, key);
  if (known.empty()) no_such_layers(reader, runs, study, key);
  const auto groups = groups_for_figure(runs);
  auto pieces = curve_reading(reader, groups, known.begin()->second.id);
  auto plot = empty_plot(study, key + " by layer", known.begin()->second.unit, runs, axis, pieces);
  const auto last = static_cast<double>(std::max<std::int64_t>(1, known.rbegin()->first));
  std::size_t kind = 0;
  std::vector<CurveLine> lines;  // one of each group
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto before = plot.series.size();
    for (const auto& [layer, of] : known) {
      if (!layers.empty() && std::ranges::find(layers, layer) == layers.end()) continue;
      pieces.key = of.id;
      auto line = curve_line(reader, groups[i], i, pieces);
      auto series = series_of(line, groups[i], axis);
      if (line.runs > 0 && (lines.empty() || lines.back().group != i)) lines.push_back(std::move(line));
      if (series.points.empty()) continue;
      series.label += ", layer " + std::to_string(layer);
      series.is_floor = false;
      series.shade = static_cast<double>(layer) / last;
      series.kind = kind;
      plot.series.push_back(std::move(series));
    }
    if (plot.series.size() > before) ++kind;
  }
  plot.notes = notes_for(lines, groups);
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
