/// worker_protocol.h: what passes between `attnlab` and its child `attnlab-worker run SPEC`, or
/// `bench SPEC`.
///   Down: one JSON file, the run spec. Up: one JSON object a line on file descriptor 3. A worker
///   that reports nothing for longer than --hang-limit (an hour) is taken for hung and killed.
#pragma once

#include <cstdint>
#include <string>

#include "framework/config/node.h"

namespace attnlab::launch {

/// File descriptor on which the worker reports; anything on stdout and stderr goes to the run's
/// log.
inline constexpr int kReportFd = 3;

/// Everything that a worker needs to run one cell; written as JSON beside the run's log.
struct RunSpec {
  std::int64_t run_id = 0;
  std::string database;            // absolute path; empty: report only, no store
  std::string plugin_path;         // absolute path of the attention plugin's library
  std::string data_dir;            // --data, may be empty
  std::string peer_plugin_path{};  // of what a timing compares with; empty: nothing
  config::Node config;  // the resolved config: root keys, model, train, dataset, attention
  std::string fingerprint;
};
[[nodiscard]] std::string to_json(const RunSpec& spec);
/// Throws Error naming `source` on malformed or incomplete text.
[[nodiscard]] RunSpec run_spec_from_json(const std::string& text, const std::string& source);

/// One line of progress. `kind` is "start", "step", "eval", "sample", "end".
struct Report {
  std::string kind{};
  std::int64_t step = 0;
  std::int64_t steps = 0;
  double loss = 0;           // "step": training loss, nats; "eval": the data set's metric
  double seconds_left = -1;  // -1: unknown
  std::string text{};        // "sample": what is being timed; "end": reason
  std::string status{};      // "end": done, failed, skipped, interrupted
};
[[nodiscard]] std::string to_json(const Report& report);
[[nodiscard]] Report report_from_json(const std::string& line);

/// Exit codes of a worker beyond core/error.h.
inline constexpr int kWorkerSkipped = 10;  // the plugin refused the combination

}  // namespace attnlab::launch
