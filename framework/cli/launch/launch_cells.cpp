#include "framework/cli/launch/launch_cells.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>

#include "framework/cells/prepare.h"
#include "framework/cli/launch/room.h"
#include "framework/core/error.h"
#include "framework/core/limits.h"
#include "framework/core/output.h"
#include "framework/core/paths.h"
#include "framework/launch/join.h"
#include "framework/launch/launcher.h"
#include "framework/launch/place.h"
#include "framework/launch/slurm/slurm_launcher.h"

namespace attnlab::cli {
namespace {

// Several configs are several YAML documents.
void print_configs(const std::vector<plan::Cell>& cells, bool origins) {
  for (const auto& cell : cells) {
    if (cells.size() > 1) {
      std::string title = cell.overrides;
      std::ranges::replace_if(
          title, [](unsigned char c) { return std::iscntrl(c) != 0; }, ' ');
      print(fmt::format("{}# cell {}: {}\n", origins ? "" : "---\n", cell.index, title));
    }
    print(origins ? plan::origin_text(cell) : plan::config_text(cell));
    if (cells.size() > 1) print("\n");
  }
}

// Which rank srun or torchrun started this command as; 0 where nobody did.
launch::Place place_of_cells(const std::vector<plan::Cell>& cells) {
  launch::Place place;
  for (const auto& cell : cells) {
    place = launch::place_among(cell.resolved.train.ranks, [](const char* name) { return std::getenv(name); });
    if (!place.alone() && !place.starts_others && cells.size() > 1) {
      throw Error("these are " + std::to_string(cells.size()) + " runs, and srun or torchrun started this command for "
                  "the ranks of one; expected one run, or a command that is started once.");
    }
  }
  return place;
}

// Rank 0 may be making the database just now, or it may lie on rank 0's host.
bool can_be_read(const std::filesystem::path& database) try {
  const cells::History history(database);
  return std::filesystem::exists(database);
} catch (const Error&) {
  return false;
}

// Any rank but 0. Where the run is known to be done, rank 0 says so and nobody waits for it.
int join_run(std::vector<plan::Cell> cells, cells::Sources& sources, LaunchRequest request, const launch::Place& place) {
  if (!can_be_read(request.database)) request.database.clear();
  const cells::History history(request.database);
  const auto cell = cells::prepare(std::move(cells), sources, history, request).at(0);
  const auto* before = history.newest(cell.record.fingerprint);
  if (!cell.refusal.empty()) return kExitRunsFailed;
  if (before != nullptr && before->status == "done") return kExitOk;
  notice("attnlab: rank " + std::to_string(place.rank) + " of " + std::to_string(place.size) + "\n");
  launch::become_rank(cell, paths::worker());
}

int exit_code(LaunchKind kind, const launch::LaunchResult& result) {
  const bool skipped = result.count(Status::skipped) > 0;
  // Who asks for one run wants its numbers; in a grid a refused cell is a result.
  if (kind == LaunchKind::run && skipped) return kExitRunsFailed;
  return result.exit_code();
}

}  // namespace

Room room_for(const std::vector<plan::Cell>& cells, const LaunchRequest& request) {
  require_shape(cells, request);
  static_cast<void>(place_of_cells(cells));  // several are refused where each rank would launch them
  const bool here = !request.slurm;
  Room room;
  for (const auto& cell : cells) {
    const bool spread = request.slurm && request.slurm->jobs.nodes > 1;
    room.ranks = cell.resolved.train.ranks;
    room.threads = std::max(room.threads, cell.resolved.run.threads * (spread ? 1 : room.ranks));
  }
  room.gpus = gpus_for(here && std::ranges::any_of(cells, on_gpu), request);
  if (room.gpus) require_gpus(cells, *room.gpus);
  room.jobs = jobs_for(cells, room.gpus.get(), request);
  if (request.quiet || !here) return room;
  // Threads wait for one that has no core just now: nothing is gained, and no timing means anything.
  const auto jobs = std::min<std::int64_t>(room.jobs, static_cast<std::int64_t>(cells.size()));
  const auto warning = crowding(jobs, room.threads, processors());
  if (!warning.empty()) notice("attnlab: warning: " + warning + "\n");
  return room;
}

launch::LaunchResult launch_prepared(store::Store& results, std::vector<launch::Cell> cells,
                                     const LaunchRequest& request, const Room& room) {
  const auto progress = launch::make_progress(
      STDERR_FILENO, request.quiet ? StatusLines::Kind::quiet : StatusLines::Kind::detect);
  launch::LaunchOptions options{.worker = paths::worker(),
                                .runs_dir = request.database.parent_path(),
                                .jobs = room.jobs,
                                .retries = request.retries,
                                .fail_fast = request.fail_fast,
                                .take_over = request.take_over,
                                .from_scratch = request.from_scratch,
                                .silence_limit = request.silence_limit,
                                .gpus = room.gpus,
                                .time_limit = request.time_limit,
                                .patience = request.patience};
  if (!request.slurm) return launch::Launcher(results, std::move(cells), options, *progress).run();
  if (!request.slurm->runs_dir.empty()) options.runs_dir = request.slurm->runs_dir;
  auto jobs = request.slurm->jobs;
  jobs.ranks = room.ranks;
  const launch::slurm::Options slurm{.jobs = std::move(jobs),
                                     .threads = room.threads,
                                     .look_every = request.slurm->look_every,
                                     .detach = request.slurm->detach};
  return launch::slurm::SlurmLauncher(results, std::move(cells), options, slurm, *progress).run();
}

plan::PlanRequest plan_request(cells::Sources& sources, const LaunchRequest& request) {
  auto planned = sources.plan_request();
  if (request.show_config || request.show_origin) planned.schemas.max_length = {};
  return planned;
}

int launch_cells(LaunchKind kind, std::vector<plan::Cell> cells, cells::Sources& sources,
                 const LaunchRequest& request) {
  if (request.show_config || request.show_origin) {
    print_configs(cells, request.show_origin);
    return kExitOk;
  }
  if (request.show_plan) {
    require_shape(cells, request);
    if (!request.slurm && std::ranges::any_of(cells, on_gpu)) require_gpu();
    const cells::History history(request.database);
    const auto prepared = cells::prepare(std::move(cells), sources, history, request);
    const auto table = plan_table(prepared, history, request);
    print(request.json ? report::to_json(table) : report::to_text(table, 100));
    return kExitOk;
  }
  const auto place = place_of_cells(cells);
  if (!place.first()) return join_run(std::move(cells), sources, request, place);
  const auto room = room_for(cells, request);
  store::Store results(request.database.string());  // refuses before anything else is done
  auto prepared = cells::prepare(std::move(cells), sources, cells::History(request.database), request);
  if (!place.starts_others) {
    for (auto& cell : prepared) cell.gpus = std::min(cell.gpus, place.alone() ? 1 : 0);  // srun and torchrun deal them out
  }
  const auto result = launch_prepared(results, prepared, request, room);
  if (request.json) {
    print(outcomes_as_json(prepared, result));
  } else if (kind == LaunchKind::run) {
    print(run_summary(prepared.at(0), result.cells.at(0), request));
  } else {
    print(grid_summary(prepared, result, request));
  }
  return exit_code(kind, result);
}

}  // namespace attnlab::cli
