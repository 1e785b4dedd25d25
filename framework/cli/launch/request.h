/// launch_request.h: what `attnlab run` and `attnlab grid` were asked for.
#pragma once

#include <filesystem>
#include <optional>

#include "framework/cells/sources.h"
#include "framework/cli/options.h"
#include "framework/launch/slurm/script.h"

namespace attnlab::cli {

struct SlurmRequest {
  launch::slurm::JobOptions jobs{};
  std::filesystem::path runs_dir{};  // empty: the database's folder
  double look_every = 15;            // seconds
  bool detach = false;
};

struct LaunchRequest : cells::Request {
  int jobs = 1;     // 0: as many as there is room for
  int per_gpu = 1;  // runs that share a GPU
  int retries = 0;
  double silence_limit = 0;  // seconds
  double patience = 60;      // seconds
  double time_limit = 0;     // seconds; 0: none
  bool fail_fast = false;
  bool from_scratch = false;
  bool take_over = false;
  bool show_config = false, show_origin = false, show_plan = false;
  bool quiet = false, json = false;
  std::optional<SlurmRequest> slurm{};  // --launcher slurm
};

enum class LaunchKind { run, grid, bench, fork };

/// --plugin and --config-dir; with --data beside them: what read_launch_request() reads of sources.
void add_plugin_options(Options& options);
void add_source_options(Options& options);
/// For run, grid and fork; bench has options of its own.
[[nodiscard]] Options launch_options(LaunchKind kind);
/// --launcher and what belongs to it. nullopt: runs are children of this process.
void add_slurm_options(Options& options);
[[nodiscard]] std::optional<SlurmRequest> read_slurm_request(const ParsedOptions& parsed);
/// Reads whichever of the options it knows.
[[nodiscard]] LaunchRequest read_launch_request(LaunchKind kind, const ParsedOptions& parsed,
                                                Arguments arguments);

}  // namespace attnlab::cli
