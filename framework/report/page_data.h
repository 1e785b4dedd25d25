/// page_data.h: the numbers behind a report's figures, as JSON that may stand inside an HTML page.
#pragma once

#include <string>
#include <vector>

#include "framework/report/study.h"

namespace attnlab::report {

/// {"groups": [...], "curves": [...], "pareto": {...}, "speed": [...]}; page/page.js reads it. No '<' is in it.
[[nodiscard]] std::string page_data(const store::Reader& reader, const std::string& study,
                                    const std::vector<Group>& groups);

}  // namespace attnlab::report
