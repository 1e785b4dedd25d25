/// page.h: a study as one HTML page that needs nothing else: no network, no fonts. `attnlab report` writes it,
///   `attnlab serve` shows the same page live.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "framework/report/choice.h"
#include "framework/report/page_data.h"
#include "framework/store/reader.h"

namespace attnlab::report {

struct PageRequest {
  std::string study;
  std::string against;  // the variant that the others are compared with; empty: dense where there is one
  std::string command;  // that made the page, as one types it
  std::string made;     // when, in words
  Choice choice = {};   // of its runs; each that was chosen by its number is a line of its own
};

/// What a page is made of. Sections are whole elements, <section id="NAME">..., that can be put in the place of
/// older ones; those of figures are empty, and their numbers stand in `data`.
struct Page {
  std::string title, opening;  // opening: what stands before the sections
  std::vector<std::pair<std::string, std::string>> sections;  // by name, in order
  PageData data;
  std::vector<Facet> facets;  // of all runs of the study, whatever was chosen
};

/// What a page that `attnlab serve` shows begins with: {"instance": ..., "generation": ...}.
struct LiveStart {
  std::string instance;  // of the server
  std::uint64_t generation = 0;
};

/// Tables that sort and filter, curves over steps, seconds, tokens and operations, speed over T, quality
/// against time, configs, environments, failed runs with their logs' ends, and the commands that made it.
/// What a page may hold is bounded, and what was left out is said. Throws Error as runs_of_study() does,
/// and where `against` is no variant. With a cache, lines without news are not read again.
[[nodiscard]] Page make_page(const store::Reader& reader, const PageRequest& request, LineCache* cache = nullptr);

/// A link to each of the page's sections, behind `first`, and the button for light and dark.
[[nodiscard]] std::string navigation(const Page& page, const std::string& first = "");
/// As one HTML text; with `live` it asks its server for what changed.
[[nodiscard]] std::string to_html(const Page& page, const std::optional<LiveStart>& live = {});

/// The value of Content-Security-Policy: no script runs but the page's own, whatever a name in the store says.
[[nodiscard]] std::string page_policy(bool live);

[[nodiscard]] std::string page(const store::Reader& reader, const PageRequest& request);

}  // namespace attnlab::report
