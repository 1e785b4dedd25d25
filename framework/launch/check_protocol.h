/// check_protocol.h: what passes between `attnlab plugin check` and its child `attnlab-worker
/// check`.
///   Down: one JSON file. Up: one JSON object a line on file descriptor 3 (worker_protocol.h), the
///   first of which lists the properties, so that the parent knows what a child that died left out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/config/node.h"

namespace attnlab::launch {

struct CheckRequest {
  std::string plugin_path{};              // absolute
  std::vector<std::string> properties{};  // to check, in this order; empty: all
  std::uint64_t seed = 0;
  std::int64_t cases = 6;         // drawn at random, beside the fixed ones
  std::int64_t shrink = 60;       // attempts at a simpler failing case; 0: none
  std::string only_case{};        // one case instead of all (plugin/check_case.h), or empty
  std::string device = "cpu";     // cpu, cuda
  std::int64_t memory_limit = 0;  // bytes of tensors; 0: none
  config::Node parameters = config::Node::map();  // the plugin's, given by the user
};
[[nodiscard]] std::string to_json(const CheckRequest& request);
/// Throws Error naming `source` on malformed or incomplete text.
[[nodiscard]] CheckRequest check_request_from_json(const std::string& text,
                                                   const std::string& source);

/// kind "plan": names in `properties`. "case": `property` now tries `case_text`. "result": how
/// `property` ended. "refused": nothing could be checked, `text` says why.
struct CheckReport {
  std::string kind{};
  std::vector<std::string> properties{};
  std::string property{};
  std::string status{};  // "result": passed, noted, failed, not applicable, not run
  std::string text{};
  std::string case_text{};   // "case", and "result" with status failed
  std::string parameters{};  // of that case: "buckets=4 keys=separate"
  std::int64_t done = 0, cases = 0;
};
[[nodiscard]] std::string to_json(const CheckReport& report);
[[nodiscard]] CheckReport check_report_from_json(const std::string& line);

}  // namespace attnlab::launch
