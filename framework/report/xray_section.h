/// xray_section.h: a page's X-ray figures.
#pragma once

#include <string>
#include <vector>

#include "framework/report/study.h"

namespace attnlab::report {

/// Of each variant the first run that has an X-ray: its table, heat maps and distances, the newest numbers.
[[nodiscard]] std::string xray_section(const store::Reader& reader, const std::vector<Group>& groups);

}  // namespace attnlab::report
