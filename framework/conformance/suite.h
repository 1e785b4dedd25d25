/// suite.h: runs properties over cases in this process, and says on the way where it is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace attnlab::conformance {

/// What `attnlab plugin check` asks of its child; JSON in a file.
struct Request {
  std::string plugin;                   // the library's file
  std::vector<std::string> properties;  // names; empty: all
  std::uint64_t seed = 1;
  std::int64_t cases = 6;  // random ones, beside the fixed
  std::string only_case;   // one case's text instead of all
  bool shrink = true;      // make a failing case smaller
  bool cuda = false;
};

/// Reports one JSON object a line on `report_fd`: {"event": "case" | "property", ...}. "case" comes
/// before a case is run, so that whoever reads knows what a crash or a hang was about. Returns an
/// exit code: 0, or kExitRunsFailed where a property failed. Throws Error where the plugin cannot
/// be loaded or names are unknown.
int run_suite(const Request& request, int report_fd);

/// Reads the request's JSON; throws Error naming `source`.
[[nodiscard]] Request request_from_json(const std::string& text, const std::string& source);

}  // namespace attnlab::conformance
