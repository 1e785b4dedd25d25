/// page_data.h: the numbers behind a report's figures, as JSON that may stand inside an HTML page.
#pragma once

#include <string>
#include <vector>

#include "framework/report/curve_set.h"
#include "framework/report/study.h"

namespace attnlab::report {

/// One metric: its lines are numbers still, so that a page that is open can be told the new ones alone.
struct PageCurve {
  std::string key, unit, note;
  std::vector<CurveLine> lines;
};

struct PageData {
  std::string groups = "[]", pareto = R"({"title":"","points":[]})", speed = "[]";  // JSON
  std::vector<PageCurve> curves;
};

/// With a cache, lines of groups without news are not read again.
[[nodiscard]] PageData page_data(const store::Reader& reader, const std::string& study,
                                 const std::vector<Group>& groups, LineCache* cache = nullptr);

/// {"groups": [...], "curves": [...], "pareto": {...}, "speed": [...]}; page/page.js reads it. No '<' is in it.
[[nodiscard]] std::string to_json(const PageData& data);

/// {"g": 0, "from": 7, "step": [...], ...}: a line's points from one of them on. JSON, not yet for a page.
[[nodiscard]] std::string line_json(const CurveLine& line, std::size_t from = 0);
/// {"key": ..., "unit": ..., "note": ...}, without the lines.
[[nodiscard]] std::string curve_head_json(const PageCurve& curve);

/// JSON as it may stand inside a script element: a script's text ends at "</script"; "<!--" would change how it is read.
[[nodiscard]] std::string inside_page(const std::string& json);

}  // namespace attnlab::report
