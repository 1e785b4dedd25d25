/// page_sections.h: the parts of a report's page that are HTML from the start. Everything that comes
///   from the store is escaped in them.
#pragma once

#include <string>
#include <vector>

#include "framework/report/study.h"

namespace attnlab::report {

/// What all runs share as one table, and a line per run with what differs.
[[nodiscard]] std::string runs_section(const std::vector<Group>& groups);
/// Runs that did not end well: why, and the last lines of their logs where these are still there.
[[nodiscard]] std::string failures_section(const store::Reader& reader, const Runs& runs);
/// What runs ran on, each environment once, with the runs that had it.
[[nodiscard]] std::string environments_section(const store::Reader& reader, const Runs& runs);
/// As `attnlab grid`: one where the runs are a product of values, else several.
[[nodiscard]] std::string commands_section(const std::string& study, const Runs& runs);

/// xray_section.cpp: of each variant the first run that has an X-ray: its table, heat maps and distances, the
/// newest numbers.
[[nodiscard]] std::string xray_section(const store::Reader& reader, const std::vector<Group>& groups);

}  // namespace attnlab::report
