#include "framework/report/overview.h"

#include <fmt/format.h>

#include <cmath>

#include "framework/core/build_info.h"
#include "framework/core/text.h"
#include "framework/report/html.h"
#include "framework/report/table.h"

namespace attnlab::report {
namespace {

constexpr std::size_t kMostRunningShown = 200;

/// The attempt at every cell of every study that is done, else the newest, as in study.cpp.
const std::string kNewest =
    "WITH asked AS (SELECT DISTINCT study_runs.study_id, fingerprint FROM study_runs JOIN run_attempts ON id = run_id), "
    "newest AS (SELECT asked.study_id, (SELECT id FROM run_attempts AS a WHERE a.fingerprint = asked.fingerprint "
    "ORDER BY status = 'done' DESC, id DESC LIMIT 1) AS id FROM asked) ";

const std::string kStudies =
    kNewest +
    "SELECT studies.name, count(*), sum(status = 'done'), sum(status = 'running'), sum(status = 'failed'), "
    "sum(status IN ('interrupted', 'skipped')), sum(kind = 'time'), "
    "max(coalesce(ended_ms, heartbeat_ms, started_ms, a.created_ms)) AS changed, "
    "datetime(max(coalesce(ended_ms, heartbeat_ms, started_ms, a.created_ms)) / 1000, 'unixepoch') "
    "FROM newest JOIN studies ON studies.id = newest.study_id JOIN run_attempts AS a ON a.id = newest.id "
    "GROUP BY studies.id ORDER BY changed DESC, studies.name";

const std::string kCounts =
    kNewest + "SELECT status, count(*) FROM newest JOIN run_attempts AS a ON a.id = newest.id WHERE newest.study_id = "
    "(SELECT id FROM studies WHERE name = ?1) GROUP BY status ORDER BY status";

constexpr char kRunning[] =
    "SELECT a.id, studies.name, a.kind, a.config_json ->> '$.attention.name', a.config_json ->> '$.seed', "
    "a.config_json ->> '$.train.steps', (SELECT max(step) FROM events WHERE run_id = a.id), "
    "(SELECT last FROM run_last JOIN metric_keys ON metric_keys.id = key_id WHERE run_id = a.id AND name = 'train/loss'), "
    "coalesce(a.continues_step, 0), (coalesce(a.heartbeat_ms, a.started_ms) - a.started_ms) / 1000.0 "
    "FROM run_attempts AS a JOIN studies ON studies.id = a.study_id WHERE a.status = 'running' AND (?1 = '' OR a.id IN "
    "(SELECT run_id FROM study_runs WHERE study_runs.study_id = (SELECT id FROM studies WHERE name = ?1))) "
    "ORDER BY a.id";

std::string study_link(const std::string& name) {
  return "<a href=\"/study?name=" + percent_encoded(name) + "\">" + html_escaped(name.empty() ? "(no name)" : name) + "</a>";
}

/// A table's cell; `value` is what it is sorted by.
std::string number_td(const std::string& shown, const std::string& value) {
  return "<td class=\"right\" data-v=\"" + html_escaped(value) + "\">" + html_escaped(shown) + "</td>";
}

std::string table_head(const std::vector<std::pair<std::string, bool>>& columns) {
  std::string html = "<div class=\"scroll\"><table class=\"data\"><thead><tr>";
  for (const auto& [title, right] : columns) {
    html += std::string(right ? "<th class=\"right\"" : "<th") + " scope=\"col\">" + html_escaped(title) + "</th>";
  }
  return html + "</tr></thead><tbody>\n";
}

/// Step, a bar where the end is known, and the time that is left.
std::string progress_cells(const store::Row& row) {
  const double steps = number(row[5]), step = number(row[6]), done = step - number(row[8]), gone = number(row[9]);
  const bool trains = exact(row[2]) == "train" && steps > 0;
  if (!trains || std::isnan(step)) return "<td>" + std::string(trains ? "starts" : "times") + "</td><td></td>" + number_td("", "");
  const double left = done > 0 && step < steps ? gone / done * (steps - step) : NAN;
  return number_td(grouped(std::llround(step)) + " / " + grouped(std::llround(steps)), exact(row[6])) +
         fmt::format("<td><progress max=\"{}\" value=\"{}\"></progress></td>", std::llround(steps), std::llround(step)) +
         number_td(std::isnan(left) ? "" : human_duration(left), std::isnan(left) ? "" : exact_number(left));
}

std::string counts_text(const store::Reader& reader, const std::string& study) {
  std::string text;
  for (const auto& row : reader.query(kCounts, {study}).rows) {
    text += (text.empty() ? "" : ", ") + exact(row[1]) + " " + exact(row[0]);
  }
  return text;
}

}  // namespace

std::string running_section(const store::Reader& reader, const std::string& study) {
  const auto rows = reader.query(kRunning, {study}).rows;
  std::string html = "<section id=\"running\"><h2>Running now</h2>\n";
  if (!study.empty()) html += "<p class=\"counts\">Runs: " + html_escaped(counts_text(reader, study)) + ".</p>\n";
  if (rows.empty()) return html + "<p>Nothing runs.</p></section>\n";
  html += table_head({{"run", true}, {"study", false}, {"attention", false}, {"seed", true}, {"step", true},
                      {"", false}, {"time left", true}, {"train/loss", true}});
  for (const auto& row : std::span(rows).first(std::min(rows.size(), kMostRunningShown))) {
    html += "<tr>" + number_td(exact(row[0]), exact(row[0])) + "<td>" + study_link(exact(row[1])) + "</td><td>" +
            html_escaped(exact(row[3])) + "</td>" + number_td(exact(row[4]), exact(row[4])) + progress_cells(row) +
            number_td(display({row[7]}, Format::automatic), exact(row[7])) + "</tr>\n";
  }
  html += "</tbody></table></div>\n";
  if (rows.size() > kMostRunningShown) {
    html += "<p class=\"note\">" + std::to_string(rows.size() - kMostRunningShown) + " more run.</p>\n";
  }
  return html + "</section>\n";
}

Page make_overview(const store::Reader& reader) {
  Page page{"attnlab: studies", {}, {{"running", running_section(reader, "")}}, {}, {}};
  std::string html = "<section id=\"studies\"><h2>Studies</h2>\n" +
                     table_head({{"study", false}, {"runs", true}, {"done", true}, {"running", true}, {"failed", true},
                                 {"interrupted or skipped", true}, {"timings", true}, {"last news, UTC", false}});
  const auto rows = reader.query(kStudies).rows;
  for (const auto& row : rows) {
    html += "<tr><td class=\"wrap\">" + study_link(exact(row[0])) + "</td>";
    for (std::size_t i = 1; i <= 6; ++i) {
      html += number_td(i > 1 && number(row[i]) == 0 ? "" : display({row[i]}, Format::grouped), exact(row[i]));
    }
    html += "<td>" + html_escaped(exact(row[8])) + "</td></tr>\n";
  }
  html += "</tbody></table></div>\n";
  if (rows.empty()) html += "<p>None yet: attnlab run --help.</p>\n";
  page.sections.emplace_back("studies", html + "</section>\n");
  page.opening = live_opening(page.title, page);
  return page;
}

std::string live_opening(const std::string& title, const Page& page) {
  return "<h1>" + html_escaped(title) + "</h1>\n<p class=\"meta\">attnlab " + html_escaped(build_info().version) +
         " · live: what is new appears by itself</p>\n<noscript><p>Without JavaScript this page does not "
         "renew itself and has no figures.</p></noscript>\n" +
         navigation(page, page.title == "attnlab: studies" ? "" : "<a href=\"/\">All studies</a>");
}

}  // namespace attnlab::report
