#include "framework/report/page.h"

#include <algorithm>

#include "framework/core/build_info.h"
#include "framework/core/digest.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/report/comparison.h"
#include "framework/report/html.h"
#include "framework/report/page_sections.h"
#include "framework/report/until_significant.h"
#include "framework/report/versus.h"
#include "framework/report/page_embedded.h"

namespace attnlab::report {
namespace {

/// Of 64 hexadecimal digits: what a content security policy calls a script by.
std::string base64_of_hex(const std::string& hex) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  unsigned bits = 0, count = 0;
  for (const char c : hex) {
    bits = bits << 4 | static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
    count += 4;
    if (count < 6) continue;
    count -= 6;
    text += kDigits[bits >> count & 63U];
  }
  if (count > 0) text += kDigits[bits << (6 - count) & 63U];
  return text + std::string((4 - text.size() % 4) % 4, '=');
}

std::string hash_of(const char* script) { return " 'sha256-" + base64_of_hex(sha256_hex(script)) + "'"; }

std::string head(const std::string& title, bool live) {
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"" + page_policy(live) +
         "\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
         html_escaped(title) + "</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n" + kPageStyle +
         "</style></head><body>\n";
}

std::string opening(const PageRequest& request, std::size_t runs, const Page& page) {
  return "<h1>" + html_escaped(request.study) + "</h1>\n<p class=\"meta\">" +
         grouped(static_cast<std::int64_t>(runs)) + (runs == 1 ? " run" : " runs") + " · attnlab " +
         html_escaped(build_info().version) + " · " + html_escaped(request.made) + " · made by <code>" +
         html_escaped(request.command) +
         "</code></p>\n<noscript><p>Figures, sorting and filtering need JavaScript; the tables do not.</p></noscript>\n" +
         navigation(page);
}

std::string notes_html(const std::vector<std::string>& notes) {
  std::string html;
  for (const auto& note : notes) html += "<p class=\"note\">" + html_escaped(note) + "</p>\n";
  return html;
}

std::string sequence_html(const store::Reader& reader, const std::string& study) {
  const auto sequence = stored_sequence(reader, study);
  if (!sequence || sequence->looks.empty()) return "";
  return "<h3>Seeds added until significant</h3>\n<p class=\"note\">" + html_escaped(kSequenceTitle) + "</p>\n" +
         to_html(answer_table(*sequence)) + notes_html(answer_words(*sequence));
}

std::string versus_html(const store::Reader& reader, const PageRequest& request, const Runs& runs,
                        const std::vector<Group>& groups) {
  auto against = request.against;
  const auto is_dense = [](const Group& group) { return group.attention == "dense"; };
  if (against.empty() && std::ranges::any_of(groups, is_dense)) against = "dense";
  if (against.empty() || groups.size() < 2) return "";
  std::string html;
  for (const auto& one : versus(reader, request.study, runs, {.against = against})) {
    html += "<h3>Against " + html_escaped(against) + ", seed by seed</h3>\n";
    for (const auto& question : one.questions) {
      html += "<p class=\"note\">" + html_escaped(question.words) + "</p>\n" + to_html(question.table) +
              notes_html(question.notes);
    }
    html += "<h3>Fairness</h3>\n" + to_html(one.fairness);
  }
  return html;
}

std::string comparison_section(const store::Reader& reader, const PageRequest& request, const Runs& runs,
                               const std::vector<Group>& groups) {
  std::string html = "<section id=\"comparison\"><h2>Comparison</h2>\n";
  if (!request.choice.runs.empty()) html += "<h3>The chosen runs</h3>\n" + to_html(side_by_side(runs));
  for (const auto& comparison : compare(runs)) {
    html += "<p class=\"caption\">" + html_escaped(comparison.caption) + "</p>\n" +
            to_html(comparison.table) + notes_html(comparison.notes);
  }
  try {
    html += versus_html(reader, request, runs, groups);
  } catch (const Error& error) {
    if (request.choice.is_all() && !request.against.empty()) throw;
    html += "<p class=\"note\">" + html_escaped(error.what()) + "</p>\n";  // the other one was not chosen, or is one of several
  }
  return html + sequence_html(reader, request.study) + "</section>\n";
}

std::string figure_section(const std::string& name, const char* title, const std::string& empty) {
  return "<section id=\"" + name + "\"><h2>" + title + "</h2>\n" +
         (empty.empty() ? "" : "<p class=\"empty\">" + html_escaped(empty) + "</p>") + "<div id=\"" + name +
         "-figure\"></div>\n</section>\n";
}

bool has_timings(const store::Reader& reader, const std::string& study) {
  return !reader
              .query("SELECT 1 FROM study_runs JOIN run_attempts ON id = run_id WHERE kind = 'time' AND "
                     "study_runs.study_id = (SELECT id FROM studies WHERE name = ?1) LIMIT 1",
                     {study})
              .rows.empty();
}

}  // namespace

Page make_page(const store::Reader& reader, const PageRequest& request, LineCache* cache) {
  auto all = runs_of_study(reader, request.study);
  Page page{request.study, {}, {}, {}, facets_of(all)};
  const auto runs = chosen(std::move(all), request.choice);
  const auto groups = groups_of(runs);
  const auto speed = has_timings(reader, request.study)
                         ? ""
                         : "No timings stand in this study. attnlab bench attention --study NAME makes some.";
  page.sections = {{"comparison", comparison_section(reader, request, runs, groups)},
                   {"curves", figure_section("curves", "Curves", "")},
                   {"pareto", figure_section("pareto", "Quality against time", "")},
                   {"speed", figure_section("speed", "Speed over length", speed)},
                   {"xray", xray_section(reader, groups)},
                   {"runs", runs_section(groups)},
                   {"failed", failures_section(reader, runs)},
                   {"environments", environments_section(reader, runs)},
                   {"commands", commands_section(request.study, runs)}};
  page.opening = opening(request, runs.size(), page);
  page.data = page_data(reader, request.study, request.choice.runs.empty() ? groups_for_figure(runs) : one_by_one(groups), cache);
  return page;
}

std::string navigation(const Page& page, const std::string& first) {
  constexpr std::pair<const char*, const char*> kTitles[]{
      {"running", "Running"},    {"comparison", "Comparison"}, {"curves", "Curves"},   {"pareto", "Quality against time"},
      {"speed", "Speed"},        {"xray", "X-ray"},            {"runs", "Runs"},       {"failed", "Failures"},
      {"environments", "Environments"}, {"commands", "Commands"}};
  std::string html = "<nav>" + first;
  for (const auto& [name, section] : page.sections) {
    for (const auto& [known, word] : kTitles) {
      if (name == known) html += "<a href=\"#" + name + "\">" + word + "</a>";
    }
  }
  return html + "<button id=\"theme\" type=\"button\" hidden>light / dark</button></nav>\n";
}

std::string page_policy(bool live) {
  return std::string("default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src") + hash_of(kPageScript) +
         (live ? hash_of(kLiveScript) + "; connect-src 'self'" : "") + "; base-uri 'none'; form-action 'none'";
}

std::string to_html(const Page& page, const std::optional<LiveStart>& live) {
  auto html = head(page.title, live.has_value()) + page.opening;
  if (live) html += "<p id=\"message\" role=\"status\" hidden></p>\n";
  for (const auto& [name, section] : page.sections) html += section;
  html += "<script type=\"application/json\" id=\"data\">" + to_json(page.data) + "</script>\n";
  if (live) {
    html += "<script type=\"application/json\" id=\"live\">{\"instance\":\"" + live->instance + "\",\"generation\":" +
            std::to_string(live->generation) + ",\"facets\":" + inside_page(facets_json(page.facets)) + "}</script>\n";
  }
  html += std::string("<script>") + kPageScript + "</script>\n";
  if (live) html += std::string("<script>") + kLiveScript + "</script>\n";
  return html + "</body></html>\n";
}

std::string page(const store::Reader& reader, const PageRequest& request) {
  return to_html(make_page(reader, request));
}

}  // namespace attnlab::report
