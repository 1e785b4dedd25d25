/// launch_request.h: what `attnlab run` and `attnlab grid` were asked for.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "framework/cli/options.h"

namespace attnlab::cli {

struct LaunchRequest {
  std::vector<std::string> overrides;  // --study is among them, as `study=NAME`
  std::string where;
  std::filesystem::path database;  // absolute
  std::string data_dir;            // --data, absolute; or empty
  std::vector<std::filesystem::path> plugins;
  std::vector<std::filesystem::path> config_dirs;
  std::string command;  // the whole command line, for the results
  int jobs = 1;
  int retries = 0;
  double silence_limit = 0;  // seconds
  double patience = 60;      // seconds
  bool fail_fast = false;
  bool reuse_config = false;  // a run of the same config counts, whatever code it ran
  bool show_config = false, show_origin = false, show_plan = false;
  bool quiet = false, json = false;
};

enum class LaunchKind { run, grid, bench };

/// For run and grid; bench has options of its own.
[[nodiscard]] Options launch_options(LaunchKind kind);
/// Reads whichever of the options it knows.
[[nodiscard]] LaunchRequest read_launch_request(LaunchKind kind, const ParsedOptions& parsed,
                                                Arguments arguments);

}  // namespace attnlab::cli
