/// worker_protocol.h: what passes between `attnlab` and its child `attnlab-worker`.
///   Down: one JSON file, a RunSpec or a CheckRequest. Up: one JSON object a line on file descriptor
///   3, Reports or CheckReports. A worker that reports nothing for longer than --hang-limit (an
///   hour) is taken for hung and killed. Each message lists its fields once, fields(), and both
///   ways through JSON walk that list.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "framework/config/node.h"

namespace attnlab::launch {

/// File descriptor on which the worker reports; anything on stdout and stderr goes to the run's
/// log.
inline constexpr int kReportFd = 3;

/// Exit codes of a worker beyond core/error.h.
inline constexpr int kWorkerSkipped = 10;  // the plugin refused the combination

/// Everything that a worker needs to run one cell; written as JSON beside the run's log.
struct RunSpec {
  std::int64_t run_id = 0;
  std::string database{};          // absolute path; empty: report only, no store
  std::string folder{};            // of this attempt: its log, and what the database does not take
  /// There is no database on this machine: what would go into it is left in `folder` (store/spool.h), and
  /// a checkpoint that is there already is one of this attempt's earlier lives.
  bool spool = false;
  double patience = 60;            // seconds for which its end is tried on a locked or full database
  std::string plugin_path{};       // absolute path of the plugin's library; empty: a built-in subject
  std::string peer_plugin_path{};  // of what a timing compares with; empty: nothing
  std::string data_dir{};          // --data, may be empty
  /// The resolved config: root keys, attention and model; dataset and train of a training run; bench
  /// of a timing, with train where whole steps are timed and peer where there is one.
  config::Node config = config::Node::map();
  std::string fingerprint{};
  std::string planned{};  // the fingerprint's parts as JSON, which a training run holds against what it finds
  std::int64_t attempt = 1;
  /// Attempts whose checkpoints this one may go on from, newest first: {run, attempt, folder} each.
  config::Node earlier = config::Node(config::List{});
  /// Not empty: a checkpoint, which is scored on `split` (valid, test, train) instead of a run.
  std::string checkpoint{};
  std::string split = "valid";
  /// Not 0: an X-ray of the checkpoint, or of initial weights where it is empty, on so many queries of each
  /// of so many sequences, instead of a run.
  std::int64_t xray_queries = 0, xray_sequences = 0;

  static constexpr auto fields() {
    using M = RunSpec;
    return std::tuple{std::pair{"run_id", &M::run_id},
                      std::pair{"database", &M::database},
                      std::pair{"folder", &M::folder},
                      std::pair{"spool", &M::spool},
                      std::pair{"patience", &M::patience},
                      std::pair{"plugin_path", &M::plugin_path},
                      std::pair{"peer_plugin_path", &M::peer_plugin_path},
                      std::pair{"data_dir", &M::data_dir},
                      std::pair{"config", &M::config},
                      std::pair{"fingerprint", &M::fingerprint},
                      std::pair{"planned", &M::planned},
                      std::pair{"attempt", &M::attempt},
                      std::pair{"earlier", &M::earlier},
                      std::pair{"checkpoint", &M::checkpoint},
                      std::pair{"split", &M::split},
                      std::pair{"xray_queries", &M::xray_queries},
                      std::pair{"xray_sequences", &M::xray_sequences}};
  }
};

/// One line of progress. `kind` is "start", "step", "eval", "sample", "metric", "end".
struct Report {
  std::string kind{};
  std::int64_t step = 0;
  std::int64_t steps = 0;
  double loss = 0;  // "step": training loss, nats; "eval": the data set's metric; "metric": its value
  double seconds_left = -1;  // -1: unknown
  std::string text{};        // "start": what it goes on from; "sample": what is timed; "end": reason;
                             // "metric": its name, or a fact's
  std::string status{};      // "end": done, failed, skipped, interrupted; "metric": unit, or the fact

  static constexpr auto fields() {
    using M = Report;
    return std::tuple{std::pair{"kind", &M::kind},   std::pair{"step", &M::step},
                      std::pair{"steps", &M::steps}, std::pair{"loss", &M::loss},
                      std::pair{"seconds_left", &M::seconds_left},
                      std::pair{"text", &M::text},   std::pair{"status", &M::status}};
  }
};

/// What `attnlab plugin check` asks of its child.
struct CheckRequest {
  std::string plugin_path{};              // absolute
  std::vector<std::string> properties{};  // to check, in this order; empty: all
  std::uint64_t seed = 0;
  std::int64_t cases = 6;         // drawn at random, beside the fixed ones
  std::int64_t length = 0;        // of the run that is to come, looked at as well; 0: none
  std::int64_t heads = 0;         // of it, and
  std::int64_t head_dim = 0;      // the same
  std::int64_t max_length = 0;    // of all other cases; 0: the suite's own
  std::int64_t min_length = 0;    // shorter ones are left out; the rest stay as they are
  bool fail_fast = false;         // nothing more after the first property that fails
  std::int64_t shrink = 60;       // attempts at a simpler failing case; 0: none
  std::string only_case{};        // one case instead of all (plugin/check_case.h), or empty
  std::string device = "cpu";     // cpu, cuda
  std::int64_t memory_limit = 0;  // bytes of tensors; 0: none
  config::Node parameters = config::Node::map();  // the plugin's, given by the user

  static constexpr auto fields() {
    using M = CheckRequest;
    return std::tuple{std::pair{"plugin_path", &M::plugin_path},
                      std::pair{"properties", &M::properties},
                      std::pair{"seed", &M::seed},
                      std::pair{"cases", &M::cases},
                      std::pair{"length", &M::length},
                      std::pair{"heads", &M::heads},
                      std::pair{"head_dim", &M::head_dim},
                      std::pair{"max_length", &M::max_length},
                      std::pair{"min_length", &M::min_length},
                      std::pair{"fail_fast", &M::fail_fast},
                      std::pair{"shrink", &M::shrink},
                      std::pair{"only_case", &M::only_case},
                      std::pair{"device", &M::device},
                      std::pair{"memory_limit", &M::memory_limit},
                      std::pair{"parameters", &M::parameters}};
  }
};

/// kind "plan": names in `properties`, always the first line, so that the parent knows what a child
/// that died left out. "drawn": `text` says which cases there are. "case": `property` now tries
/// `case_text`, or draws cases where `cases` is 0. "result": how `property` ended.
/// "refused": nothing could be checked, `text` says why.
struct CheckReport {
  std::string kind{};
  std::vector<std::string> properties{};
  std::string property{};
  std::string status{};  // "result": passed, noted, failed, skipped, not applicable, not run
  std::string text{};
  std::string case_text{};   // "case", and "result" with status failed
  std::string parameters{};  // of that case: "buckets=4 keys=separate"
  std::int64_t done = 0, cases = 0;
  std::int64_t skipped = 0;  // "result": cases that were not looked at

  static constexpr auto fields() {
    using M = CheckReport;
    return std::tuple{std::pair{"kind", &M::kind},
                      std::pair{"properties", &M::properties},
                      std::pair{"property", &M::property},
                      std::pair{"status", &M::status},
                      std::pair{"text", &M::text},
                      std::pair{"case_text", &M::case_text},
                      std::pair{"parameters", &M::parameters},
                      std::pair{"done", &M::done},
                      std::pair{"cases", &M::cases},
                      std::pair{"skipped", &M::skipped}};
  }
};

/// What `attnlab plugins show --owns` learns from its child: of every layer every tensor that its
/// attention owns, kind "parameter", "decayed" (a parameter with weight decay) or "buffer"; at last
/// "end". "refused": nothing could be built, `text` says why.
struct OwnedTensor {
  std::string kind{};
  std::int64_t layer = 0;
  std::string name{};   // "gate": blocks.LAYER.attention.gate
  std::string sizes{};  // "[4, 16]"
  std::int64_t numbers = 0;
  std::string text{};

  static constexpr auto fields() {
    using M = OwnedTensor;
    return std::tuple{std::pair{"kind", &M::kind}, std::pair{"layer", &M::layer},
                      std::pair{"name", &M::name}, std::pair{"sizes", &M::sizes},
                      std::pair{"numbers", &M::numbers}, std::pair{"text", &M::text}};
  }
};

/// Valid JSON whatever bytes the texts hold: one line without its end, or indented.
template <class Message>
[[nodiscard]] std::string to_json(const Message& message, int indent = -1);
/// Throws Error naming `source` where the text is malformed or a field is missing or no such value.
template <class Message>
[[nodiscard]] Message from_json(const std::string& text, const std::string& source);

extern template std::string to_json(const RunSpec&, int);
extern template std::string to_json(const Report&, int);
extern template std::string to_json(const CheckRequest&, int);
extern template std::string to_json(const CheckReport&, int);
extern template std::string to_json(const OwnedTensor&, int);
extern template RunSpec from_json(const std::string&, const std::string&);
extern template Report from_json(const std::string&, const std::string&);
extern template CheckRequest from_json(const std::string&, const std::string&);
extern template CheckReport from_json(const std::string&, const std::string&);
extern template OwnedTensor from_json(const std::string&, const std::string&);

}  // namespace attnlab::launch
