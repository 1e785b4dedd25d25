/// page.h: a study as one HTML file that needs nothing else: no network, no server, no fonts.
#pragma once

#include <string>

#include "framework/store/reader.h"

namespace attnlab::report {

struct PageRequest {
  std::string study;
  std::string against;  // the variant that the others are compared with; empty: dense where there is one
  std::string command;  // that made the page, as one types it
  std::string made;     // when, in words
};

/// Tables that sort and filter, curves over steps, seconds, tokens and operations, speed over T, quality
/// against time, configs, environments, failed runs with their logs' ends, and the commands that made it.
/// What a page may hold is bounded, and what was left out is said. Throws Error as runs_of_study() does,
/// and where `against` is no variant.
[[nodiscard]] std::string page(const store::Reader& reader, const PageRequest& request);

}  // namespace attnlab::report
