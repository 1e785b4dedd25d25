#include "framework/sparse/plan_contents.h"

#include <algorithm>

namespace attnlab::sparse {
namespace {

using Text = std::string;

Text text(std::int64_t number) { return std::to_string(number); }

/// Borders in the packed order.
Text check_borders(const char* name, const std::int32_t* values, std::int64_t count,
                   std::int64_t limit) {
  for (std::int64_t i = 0; i < count; ++i) {
    if (values[i] < 0 || values[i] > limit) {
      return Text(name) + " holds " + text(values[i]) + "; expected 0 to " + text(limit);
    }
    if (i > 0 && values[i] < values[i - 1]) {
      return Text(name) + " steps back from " + text(values[i - 1]) + " to " + text(values[i]) +
             "; expected never decreasing";
    }
  }
  return {};
}

/// Rows of one side, in pieces.
struct Side {
  const char* name;
  const std::int32_t* rows;
  const PlanView& plan;
  std::uint8_t* seen;          // [T]
  std::int64_t repeated = -1;  // a row that comes twice

  /// Rows [from, end) of a segment or range that begins at `begin`; those before are checked.
  [[nodiscard]] Text check(std::int64_t begin, std::int64_t from, std::int64_t end) {
    for (std::int64_t i = from; i < end; ++i) {
      if (rows[i] < 0 || rows[i] >= plan.length) {
        return Text(name) + " holds row " + text(rows[i]) + "; expected 0 to " +
               text(plan.length - 1);
      }
      if (plan.ascending && i > begin && rows[i] < rows[i - 1]) {
        return Text(name) + " steps back from row " + text(rows[i - 1]) + " to " + text(rows[i]) +
               " inside a segment of a plan that says `ascending`";
      }
      if (seen[rows[i]]++ != 0) repeated = rows[i];
    }
    return {};
  }
};

}  // namespace

PlanVerdict check_group(const PlanView& plan, std::int64_t g, std::uint8_t* seen) {
  const std::int64_t S = plan.segments;
  const auto* start = plan.query_start + g * (S + 1);
  const auto* begin = plan.key_begin + g * S;
  const auto* end = plan.key_end + g * S;
  auto problem = check_borders("query_start", start, S + 1, plan.queries);
  if (problem.empty()) problem = check_borders("key_begin", begin, S, plan.keys);
  if (problem.empty()) problem = check_borders("key_end", end, S, plan.keys);
  if (!problem.empty()) return {problem};

  Side queries{"query_rows", plan.query_rows + g * plan.queries, plan, seen};
  std::fill_n(seen, plan.length, 0);
  for (std::int64_t s = 0; s < S; ++s) {
    problem = queries.check(start[s], start[s], start[s + 1]);
    if (problem.empty() && queries.repeated >= 0) {
      problem =
          "query_rows holds row " + text(queries.repeated) + " twice; expected a row at most once";
    }
    if (!problem.empty()) return {problem};
  }
  Side keys{"key_rows", plan.key_rows + g * plan.keys, plan, seen};
  std::fill_n(seen, plan.length, 0);
  std::int64_t checked = 0;  // keys before this are known to be good
  for (std::int64_t s = 0; s < S; ++s) {
    if (begin[s] > end[s]) {
      return {"segment " + text(s) + " sees keys " + text(begin[s]) + " to " + text(end[s]) +
              "; expected key_begin <= key_end"};
    }
    problem = keys.check(begin[s], std::max<std::int64_t>(begin[s], checked), end[s]);
    if (!problem.empty()) return {problem};
    checked = std::max<std::int64_t>(checked, end[s]);
  }
  return {{}, keys.repeated < 0};
}

}  // namespace attnlab::sparse
