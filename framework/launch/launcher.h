/// launcher.h: runs a list of cells, so many at a time, and leaves every one with a status.
///   One thread, one loop over poll(): claims cells in the store, starts workers, reads what they
///   report, settles what they leave behind. A failure costs its run only. Cells that another
///   process is running are waited for, and taken over when that process dies.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "framework/launch/attempt.h"
#include "framework/launch/cell.h"
#include "framework/launch/progress.h"
#include "framework/launch/slurm/task_owners.h"
#include "framework/launch/stop_signals.h"

namespace attnlab::launch {

class Launcher {
 public:
  /// Throws Error when there is no worker to start.
  Launcher(store::Store& store, std::vector<Cell> cells, LaunchOptions options, Progress& progress);

  /// From the main thread. Looks after runs of dead processes first. A first stop signal lets the
  /// workers finish their step and mark their runs interrupted; the second kills them. Throws Error
  /// when the store cannot be written for `patience` seconds, or its file was removed or renamed; the
  /// workers are stopped first, and what they cannot save lies in their folders for the next start.
  [[nodiscard]] LaunchResult run();

 private:
  using Number = std::size_t;  // of a cell
  struct Elsewhere {
    Number cell;
    std::int64_t run_id;
    double look_again;
  };

  void loop();
  void look_for_a_reason_to_stop();
  void start_what_fits();
  bool next_elsewhere();
  [[nodiscard]] bool waits_for_gpu(const Cell& cell) const;
  [[nodiscard]] std::optional<Number> next_pending(std::unique_ptr<GpuClaim>& gpu);
  [[nodiscard]] std::unique_ptr<GpuClaim> take_gpus(int count);
  [[nodiscard]] bool is_done(const Cell& cell);
  void claim(Number cell, std::unique_ptr<GpuClaim> gpu);
  void start(Number cell, const store::Claim& claim, std::unique_ptr<GpuClaim> gpu);
  void settle(Number cell, const Ending& ending);
  void end(Number cell, CellResult outcome);
  void watch(Number cell, Attempt& attempt);
  void look_later(Number cell, std::int64_t run_id);
  void ask_owner(Number cell, const store::Claim& claim);
  void mark_shared();
  void require_in_place() const;
  template <class Work>
  auto stored(Work&& work);
  void stop_all();
  void wait_for_news();

  store::Store& store_;
  std::vector<Cell> cells_;
  LaunchOptions options_;
  Progress& progress_;
  StopSignals signals_;
  slurm::TaskOwners owners_;
  Board board_;
  LaunchResult result_;
  std::deque<Number> pending_;
  std::deque<Elsewhere> elsewhere_;
  std::map<Number, std::unique_ptr<Attempt>> running_;
  std::vector<int> attempts_;  // by this process, per cell
  bool stopping_ = false;
  double begun_ = 0;
  double last_look_ = 0, listened_ = 0;
  double next_checkpoint_ = 0;
  double next_look_around_ = 0;
  double next_gpu_look_ = 0;
  bool told_of_gpus_ = false;  // that we wait for one
};

}  // namespace attnlab::launch
