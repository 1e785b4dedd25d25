#include "framework/report/page_sections.h"

#include <fmt/format.h>

#include "framework/report/html.h"
#include "framework/report/xray.h"

namespace attnlab::report {
namespace {

constexpr std::size_t kMostXrays = 12, kMostSearched = 50;  // variants, runs of a variant

/// Numbers of the run's newest X-ray; empty where it has none.
Xray newest_xray(const store::Reader& reader, const RunRow& run) {
  Xray xray;
  const auto answer = reader.query(
      "SELECT name, unit, last FROM run_last JOIN metric_keys ON metric_keys.id = key_id WHERE run_id = ?1 AND name "
      "GLOB 'xray/*' AND last_step = (SELECT last_step FROM run_last WHERE run_id = ?1 AND key_id = (SELECT id FROM "
      "metric_keys WHERE name = 'xray/length'))",
      {run.value("id")});
  for (const auto& row : answer.rows) xray.add(exact(row[0]), exact(row[1]), number(row[2]));
  return xray;
}

/// An image of its own, so that its style touches nothing of the page's.
std::string image_of(const Figure& figure, const std::string& label) {
  return "<img class=\"xray\" style=\"max-width:100%\" alt=\"" + html_escaped(label + ": " + figure.name) +
         "\" src=\"data:image/svg+xml," + percent_encoded(figure.svg) + "\">\n";
}

std::string part_of(const Group& group, const RunRow& run, const Xray& xray) {
  const auto label = group.label + ", run " + run.text("id");
  std::string html = "<h3>" + html_escaped(label) + "</h3>\n" + to_html(xray_table(xray));
  if (const auto reported = xray_reported(xray); !reported.columns.empty()) html += to_html(reported);
  for (const auto* measure : {"kept_weight", "error"}) {
    if (const auto figure = xray_heat_map(xray, measure, label)) html += image_of(*figure, label);
  }
  if (const auto figure = xray_profile(xray, label)) html += image_of(*figure, label);
  return html;
}

}  // namespace

std::string xray_section(const store::Reader& reader, const std::vector<Group>& groups) {
  std::string html = "<section id=\"xray\"><h2>X-ray</h2>\n";
  std::size_t shown = 0, left_out = 0;
  for (const auto& group : groups) {
    for (std::size_t i = 0; i < std::min(group.runs.size(), kMostSearched); ++i) {
      const auto xray = newest_xray(reader, group.runs[i]);
      if (xray.empty()) continue;
      if (shown < kMostXrays) html += part_of(group, group.runs[i], xray);
      ++(shown < kMostXrays ? shown : left_out);
      break;
    }
  }
  if (shown == 0) return html + "<p>None of these runs has an X-ray: attnlab xray RUN makes one, and train.xray_every.</p>\n</section>\n";
  if (left_out > 0) html += "<p class=\"note\">" + std::to_string(left_out) + " more variants have one: attnlab show RUN.</p>\n";
  return html + "<p class=\"note\">On sampled queries, against exact softmax over all earlier keys of the same "
                "activations; of each variant one run. Numbers are means over queries, then heads.</p>\n</section>\n";
}

}  // namespace attnlab::report
