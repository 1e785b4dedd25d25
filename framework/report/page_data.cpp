#include "framework/report/page_data.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "framework/core/json_text.h"
#include "framework/core/output.h"
#include "framework/core/text.h"
#include "framework/report/fairness.h"
#include "framework/report/table.h"

namespace attnlab::report {
namespace {

using Json = nlohmann::ordered_json;

// Bounds of one page, so that it is made in a second and opens at once whatever the store holds.
constexpr std::size_t kMostMetrics = 16;
constexpr std::int64_t kMostPagePoints = 60'000, kMostPageNumbers = 1'600'000;  // of all metrics
constexpr std::size_t kMostParetoDots = 5000;

/// Seven digits are more than a figure shows. NaN and infinities are gaps.
Json json_number(double number) {
  if (!std::isfinite(number)) return nullptr;
  char text[32];
  std::snprintf(text, sizeof text, "%.7g", number);
  return std::strtod(text, nullptr);
}

/// The same as text; a page has hundreds of thousands of them.
void add_number(std::string& text, double number) {
  if (!std::isfinite(number)) {
    text += "null";
    return;
  }
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, number, std::chars_format::general, 7).ptr;
  text.append(digits, end);
}

/// What a line ends with where that cannot be drawn.
std::string end_of(const CurveLine& line) {
  if (line.points.empty() || std::isfinite(line.points.back().mean)) return "";
  return std::isnan(line.points.back().mean) ? "NaN" : exact_number(line.points.back().mean);
}

Json groups_json(const std::vector<Group>& groups) {
  Json list = Json::array();
  for (const auto& group : groups) {
    list.push_back({{"label", harmless(group.label)},
                    {"floor", group.attention == "none"},
                    {"flops", json_number(flops_per_token(group.runs[0]))}});
  }
  return list;
}

/// The data sets' own measures first, then the training loss, then what else has a curve.
std::vector<std::string> keys_with_curves(const store::Reader& reader, const std::vector<Group>& groups) {
  std::map<std::string, std::int64_t> keys;
  std::string ids = "[";
  for (const auto& group : groups) {
    for (const auto& run : group.runs) ids += (ids.size() > 1 ? "," : "") + run.text("id");
  }
  const auto answer = reader.query(
      "SELECT name, max(count) FROM json_each(?1) AS ids CROSS JOIN run_last ON run_id = ids.value JOIN "
      "metric_keys ON metric_keys.id = key_id GROUP BY key_id",
      {ids + "]"});
  std::vector<std::tuple<int, std::string>> order;
  for (const auto& row : answer.rows) {
    const auto name = store::text_of(row[0]);
    if (name.starts_with("xray/") && name.find("/layer_") != name.npos) continue;  // xray_section()
    const bool score = name.starts_with("val/bits_per_") || name == "val/perplexity";
    if (number(row[1]) < 2 && !score) continue;
    order.emplace_back(score ? 0 : name == "train/loss" ? 1 : name.starts_with("val/") ? 2 : 3, name);
  }
  std::ranges::sort(order);
  std::vector<std::string> names;
  for (const auto& [rank, name] : order) names.push_back(name);
  return names;
}

std::string note_for(const CurveSet& set, const std::vector<Group>& groups, std::size_t left_out) {
  std::string note = "Lines are means over n runs, at steps that all of them have; bands reach from the smallest to the largest of them.";
  if (const auto runs = left_out_of(set.lines, groups); !runs.empty()) note += " Not in the means: " + runs + ".";
  if (set.width > 1) {
    note += " A point is the mean of up to " + grouped(set.width) + " steps, the band their range.";
  }
  if (left_out > 0) {
    note += " " + std::to_string(left_out) + " more metrics are in the store: attnlab compare --metric KEY --plot FILE.svg.";
  }
  return note;
}

std::vector<PageCurve> curves_of(const store::Reader& reader, const std::vector<Group>& groups, LineCache* cache) {
  std::size_t runs = 0;
  for (const auto& group : groups) runs += group.runs.size();
  auto keys = keys_with_curves(reader, groups);
  const auto all = keys.size();
  // Twenty points of a run are the least that is a curve; where runs are many, metrics are few.
  const auto fit = static_cast<std::size_t>(kMostPagePoints) / std::max<std::size_t>(1, 20 * runs);
  keys.resize(std::min({all, kMostMetrics, std::max<std::size_t>(1, fit)}));
  std::vector<PageCurve> curves;
  for (const auto& key : keys) {
    const auto share = static_cast<std::int64_t>(keys.size());
    auto set = curve_set(reader, groups, key,
                               {.points = 1000,
                                .points_of_all = kMostPagePoints / share,
                                .numbers = kMostPageNumbers / share,
                                .least = 20},
                               cache);
    curves.push_back({harmless(set.key), harmless(set.unit), harmless(note_for(set, groups, all - keys.size())), std::move(set.lines)});
  }
  return curves;
}

Json dot_json(const store::Reader& reader, std::size_t group, const RunRow& run) {
  const auto last = reader
                        .query("SELECT train_seconds, tokens_seen FROM events WHERE run_id = ?1 ORDER BY "
                               "step DESC LIMIT 1",
                               {run.value("id")})
                        .rows;
  const double tokens = last.empty() ? NAN : number(last[0][1]);
  const double peak = run.number("allocator_peak_bytes");
  return {{"g", group},
          {"seed", harmless(run.text("seed"))},
          {"run", run.text("id")},
          {"score", json_number(run.number("score"))},
          {"seconds", json_number(last.empty() ? NAN : number(last[0][0]))},
          {"per_million", json_number(1e6 / run.number("tokens_per_second"))},
          {"flops", json_number(tokens * flops_per_token(run))},
          {"bytes", json_number(std::isnan(peak) ? run.number("process_peak_bytes") : peak)}};
}

Json pareto_json(const store::Reader& reader, const std::vector<Group>& groups) {
  Json points = Json::array();
  Runs all;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    for (const auto& run : groups[i].runs) {
      const bool counts = run.text("status") == "done" && !std::isnan(run.number("score"));
      if (counts && points.size() < kMostParetoDots) points.push_back(dot_json(reader, i, run));
    }
    all.push_back(groups[i].runs[0]);
  }
  return {{"title", score_title(all) + " (val)"}, {"points", points}};
}

constexpr const char* kSpeedColumns[]{"seconds", "q1", "q3", "tokens_per_second", "ratio", "peak_bytes"};

/// Timings of the study, one line per variant and conditions.
Json speed_json(const store::Reader& reader, const std::string& study) {
  const auto any = reader.query(
      "SELECT 1 FROM run_attempts JOIN studies ON studies.id = study_id WHERE name = ?1 AND kind = 'time' LIMIT 1",
      {study});
  if (any.rows.empty()) return Json::array();
  std::map<std::string, Json> lines;
  const auto answer = reader.query(
      "SELECT attention || iif(attention_parameters = '{}', '', ' ' || attention_parameters) || ', ' || "
      "coalesce(dtype, '?') || ', ' || coalesce(pass, '?') || ', ' || coalesce(device, '?'), length, seconds, "
      "seconds_q1, seconds_q3, tokens_per_second, ratio, coalesce(peak_bytes, process_peak_bytes), run_id FROM "
      "timings WHERE study = ?1 AND status = 'done' ORDER BY length, run_id",
      {study});
  for (const auto& row : answer.rows) {
    auto& line = lines[exact(row[0])];
    if (line.is_null()) line = {{"label", harmless(exact(row[0]))}, {"length", Json::array()}};
    auto& lengths = line["length"];
    const bool again = !lengths.empty() && lengths.back() == json_number(number(row[1]));
    if (!again) lengths.push_back(json_number(number(row[1])));
    for (std::size_t i = 0; i < std::size(kSpeedColumns); ++i) {
      auto& column = line[kSpeedColumns[i]];
      if (again) column.erase(column.size() - 1);  // the newest run counts
      column.push_back(json_number(number(row[i + 2])));
    }
  }
  Json list = Json::array();
  for (auto& [label, line] : lines) list.push_back(std::move(line));
  return list;
}

}  // namespace

std::string line_json(const CurveLine& line, std::size_t from) {
  std::string text = "{\"g\":" + std::to_string(line.group) + ",\"n\":" + std::to_string(line.runs) +
                     ",\"end\":\"" + end_of(line) + "\",\"from\":" + std::to_string(from);
  const auto column = [&](const char* name, double CurvePoint::*member) {
    ((text += ",\"") += name) += "\":[";
    for (std::size_t i = from; i < line.points.size(); ++i) {
      if (i > from) text += ',';
      add_number(text, line.points[i].*member);
    }
    text += ']';
  };
  column("step", &CurvePoint::step);
  column("seconds", &CurvePoint::seconds);
  column("tokens", &CurvePoint::tokens);
  column("mean", &CurvePoint::mean);
  column("low", &CurvePoint::low);
  column("high", &CurvePoint::high);
  return text + "}";
}

std::string curve_head_json(const PageCurve& curve) {
  return json_text(Json{{"key", curve.key}, {"unit", curve.unit}, {"note", curve.note}});
}

std::string inside_page(const std::string& json) {
  std::string text;
  text.reserve(json.size());
  for (const char c : json) {
    if (c == '<') text += "\\u003c";
    else text += c;
  }
  return text;
}

std::string to_json(const PageData& data) {
  std::string text = "{\"groups\":" + data.groups + ",\"curves\":[";
  for (const auto& curve : data.curves) {
    if (&curve != data.curves.data()) text += ',';
    auto head = curve_head_json(curve);
    head.back() = ',';
    text += head + "\"lines\":[";
    for (const auto& line : curve.lines) text += (&line == curve.lines.data() ? "" : ",") + line_json(line);
    text += "]}";
  }
  return inside_page(text + "],\"pareto\":" + data.pareto + ",\"speed\":" + data.speed + "}");
}

PageData page_data(const store::Reader& reader, const std::string& study,
                   const std::vector<Group>& groups, LineCache* cache) {
  return {json_text(groups_json(groups)), json_text(pareto_json(reader, groups)), json_text(speed_json(reader, study)),
          curves_of(reader, groups, cache)};
}

}  // namespace attnlab::report
