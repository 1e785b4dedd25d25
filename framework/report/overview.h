/// overview.h: what goes on in a store: its studies, and the runs that run now.
#pragma once

#include <string>

#include "framework/report/page.h"
#include "framework/store/reader.h"

namespace attnlab::report {

/// <section id="running">: every running run of a study, or of all where it is empty, with its step, loss and the time
/// that is left by its own pace so far; in a study also how many runs ended how.
[[nodiscard]] std::string running_section(const store::Reader& reader, const std::string& study);

/// All studies with how their runs stand, the newest first, as a page whose links `attnlab serve` answers.
[[nodiscard]] Page make_overview(const store::Reader& reader);

/// What stands before the sections of a live page: its name, and ways to its sections and to all studies.
[[nodiscard]] std::string live_opening(const std::string& title, const Page& page);

}  // namespace attnlab::report
