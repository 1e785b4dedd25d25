#include "framework/report/live.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "framework/core/json_text.h"
#include "framework/report/overview.h"

namespace attnlab::report {
namespace {

/// How every attempt at a cell of the study stands.
constexpr char kStates[] =
    "SELECT a.id, a.status, coalesce(sum(count), 0), coalesce(sum(last_step), 0) FROM run_attempts AS a LEFT JOIN run_last "
    "ON run_id = a.id WHERE fingerprint IN (SELECT fingerprint FROM study_runs JOIN run_attempts ON run_attempts.id = run_id "
    "WHERE study_runs.study_id = (SELECT id FROM studies WHERE name = ?1)) GROUP BY a.id";

std::string quoted(const std::string& text) { return json_text(nlohmann::json(text)); }

bool same(const CurvePoint& a, const CurvePoint& b) { return std::memcmp(&a, &b, sizeof a) == 0; }  // NaN equals NaN

}  // namespace

LiveView::LiveView(LiveRequest request, std::string instance)
    : request_(std::move(request)), instance_(std::move(instance)) {}

std::string LiveView::signature(const store::Reader& reader) {
  std::string all;
  reader.each(
      kStates, {request_.study}, [](const auto&) {},
      [&](const store::Row& row) {
        auto state = exact(row[1]) + " " + exact(row[2]) + " " + exact(row[3]);
        all += exact(row[0]) + " " + state + "\n";
        cache_.states[store::whole_of(row[0])] = std::move(state);
      });
  return all;
}

void LiveView::take(Text& part, std::string text) {
  if (part.generation != 0 && part.text == text) return;
  part = {std::move(text), generation_ + 1};
  changed_ = true;
}

void LiveView::take_line(const std::string& key, const CurveLine& line) {
  auto& known = lines_[{key, line.group}];
  auto& generations = known.generations;
  const auto& before = known.line.points;
  const bool is_new = known.generation == 0;
  bool differs = is_new || before.size() != line.points.size() || known.line.runs != line.runs;
  generations.resize(line.points.size(), generation_ + 1);
  for (std::size_t i = 0; i < std::min(before.size(), line.points.size()); ++i) {
    if (same(before[i], line.points[i])) continue;
    generations[i] = generation_ + 1;
    differs = true;
  }
  if (!differs) return;
  known.line = line;
  known.generation = generation_ + 1;
  changed_ = true;
}

void LiveView::take_page(Page page) {
  std::string heads = "[";
  for (const auto& curve : page.data.curves) heads += (heads.size() > 1 ? "," : "") + curve_head_json(curve);
  const auto groups = page.data.groups;
  if (groups_.text != groups) lines_.clear();  // a group's number means another one now
  take(groups_, groups);
  take(pareto_, page.data.pareto);
  take(speed_, page.data.speed);
  take(facets_, facets_json(page.facets));
  take(heads_, heads + "]");
  for (const auto& curve : page.data.curves) {
    for (const auto& line : curve.lines) take_line(curve.key, line);
  }
  for (const auto& [name, html] : page.sections) {
    // A figure's section is an empty place that the page's script has filled; what runs is asked for each time.
    const bool figure = name == "curves" || name == "pareto" || name == "speed";
    if (!figure && !html.empty()) take(sections_[name], html);
  }
  page_ = std::move(page);
}

void LiveView::refresh(const store::Reader& reader) {
  const auto begun = Clock::now();
  changed_ = false;
  if (request_.study.empty()) {
    take_page(make_overview(reader));
  } else {
    auto now = signature(reader);
    if (page_.sections.empty() || (now != signature_ && begun >= not_before_)) {
      auto page = make_page(reader, {.study = request_.study, .against = request_.against, .command = {}, .made = {}, .choice = request_.choice},
                            &cache_);
      page.sections.insert(page.sections.begin(), {"running", {}});
      page.opening = live_opening(request_.study, page);
      take_page(std::move(page));
      signature_ = std::move(now);
      not_before_ = Clock::now() + 4 * (Clock::now() - begun);
    }
    take(sections_["running"], running_section(reader, request_.study));
    page_.sections[0].second = sections_["running"].text;
  }
  if (changed_) ++generation_;
}

std::string LiveView::html() const { return to_html(page_, LiveStart{instance_, generation_}); }

std::string LiveView::changes(const std::string& instance, std::uint64_t since) const {
  const bool whole = instance != instance_ || since == 0 || since > generation_;
  if (whole) since = 0;
  std::string json = "{\"instance\":" + quoted(instance_) + ",\"generation\":" + std::to_string(generation_) +
                     ",\"whole\":" + (whole ? "true" : "false") + ",\"sections\":{";
  bool first = true;
  for (const auto& [name, part] : sections_) {
    if (part.generation <= since) continue;
    json += (first ? "" : ",") + quoted(name) + ":" + quoted(part.text);
    first = false;
  }
  json += "}";
  const std::pair<const char*, const Text*> parts[]{
      {"groups", &groups_}, {"pareto", &pareto_}, {"speed", &speed_}, {"facets", &facets_}, {"curves", &heads_}};
  for (const auto& [name, part] : parts) {
    if (part->generation > since) json += ",\"" + std::string(name) + "\":" + part->text;
  }
  json += ",\"lines\":[";
  first = true;
  for (const auto& [key, known] : lines_) {
    if (known.generation <= since) continue;
    const auto at = std::ranges::find_if(known.generations, [&](auto generation) { return generation > since; });
    auto line = line_json(known.line, static_cast<std::size_t>(at - known.generations.begin()));
    json += (first ? "" : ",") + ("{\"key\":" + quoted(key.first) + "," + line.substr(1));
    first = false;
  }
  return json + "]}";
}

}  // namespace attnlab::report
