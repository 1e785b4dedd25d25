/// live.h: a page that is open in a browser while its runs go on, and what in it is new.
///   One thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "framework/report/page.h"

namespace attnlab::report {

struct LiveRequest {
  std::string study;  // empty: the page of all studies
  std::string against;
  Choice choice;
};

class LiveView {
 public:
  /// `instance` names this view among all that a browser may have heard from.
  LiveView(LiveRequest request, std::string instance);

  /// Takes in what is new in the store. Where nothing is, that costs some milliseconds; what is expensive is done at most
  /// a fifth of the time. Throws Error as make_page() does; what was there before stays.
  void refresh(const store::Reader& reader);

  /// The page as it was at the last refresh().
  [[nodiscard]] std::string html() const;

  /// As JSON, what changed after `generation` of `instance`: {"instance", "generation", "whole": all of it, "sections":
  /// {name: HTML}, "groups", "pareto", "speed", "facets", "curves": [{"key", "unit", "note"}], "lines": [{"key", "g",
  /// "from", "step": [...], ...}]}, where a line's points from "from" on are replaced by these. What did not change is left out.
  [[nodiscard]] std::string changes(const std::string& instance, std::uint64_t generation) const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Text {
    std::string text;
    std::uint64_t generation = 0;
  };
  struct Line {
    CurveLine line;
    std::vector<std::uint64_t> generations;  // of each point
    std::uint64_t generation = 0;
  };

  [[nodiscard]] std::string signature(const store::Reader& reader);
  void take(Text& part, std::string text);
  void take_page(Page page);
  void take_line(const std::string& key, const CurveLine& line);

  LiveRequest request_;
  std::string instance_, signature_;
  Clock::time_point not_before_{};
  std::uint64_t generation_ = 0;
  bool changed_ = false;  // in this refresh, so that it has a generation of its own
  Page page_;
  LineCache cache_;
  std::map<std::string, Text> sections_;
  Text groups_, pareto_, speed_, facets_, heads_;
  std::map<std::pair<std::string, std::size_t>, Line> lines_;
};

}  // namespace attnlab::report
