/// slurm_launcher.h: the cells of a grid as tasks of Slurm job arrays; the second way to start and follow
///   attempts beside launcher.h. Claims, run folders, specs and workers are the same. A worker on a node
///   writes to no database but leaves its numbers in its folder (store/spool.h); this takes them in.
///   It may be ended at any moment: the jobs go on, and the next start picks them up again.
#pragma once

#include <deque>
#include <map>

#include "framework/launch/cell.h"
#include "framework/launch/progress.h"
#include "framework/launch/slurm/queue.h"
#include "framework/launch/slurm/script.h"
#include "framework/launch/slurm/task.h"
#include "framework/launch/stop_signals.h"

namespace attnlab::launch::slurm {

struct Options {
  JobOptions jobs{};
  std::int64_t threads = 1;  // processors of a task
  double look_every = 15;    // seconds between looks at Slurm and at what the runs left
  bool detach = false;       // submit, and leave the jobs to Slurm
  double second_thought = 5; // seconds in which a second Ctrl-C cancels
};

class SlurmLauncher {
 public:
  /// Throws Error when there is no worker, or no Slurm that answers, also where a signal ends the wait for it.
  SlurmLauncher(store::Store& store, std::vector<Cell> cells, LaunchOptions options, Options slurm,
                Progress& progress);

  /// From the main thread. Runs that are still in Slurm have the status `running` in the result. Ctrl-C
  /// leaves the jobs to Slurm, as any other signal does; a second one within `second_thought` cancels
  /// them and waits until they have ended, half a minute longer than Slurm lets a job live at most. What a
  /// signal means is told at once, and no question to Slurm goes on beyond it. Throws Error: sbatch refuses for
  /// good, the store cannot be written; the jobs go on.
  [[nodiscard]] LaunchResult run();

 private:
  using Number = std::size_t;  // of a cell
  struct Elsewhere {
    Number cell;
    std::int64_t run_id;
    double look_again;
  };
  enum class Ask { nothing, leave, cancel };

  // slurm_launcher.cpp
  void loop();
  bool turn();  // false: that was all
  void begin();
  void look();
  void watch(Task& task);
  bool over(Task& task);
  void cancel_unheard(const TaskId& id);
  void settle(Number cell);
  void end(Number cell, CellResult outcome);
  void wait_for_news();
  // slurm_stop.cpp
  void hear();
  bool gives_up();
  void look_for_signals();
  [[nodiscard]] bool is_time_to_leave() const;
  void leave();
  void cancel_all();
  void tell_scancel();
  void look_if_possible();
  [[nodiscard]] static bool passes(const Error& error);
  template <class Work>
  auto stored(Work&& work);
  // slurm_submit.cpp
  void recover();
  void fill();
  void look_elsewhere();
  void claim(Number cell);
  void prepare(Number cell, const store::Claim& claim);
  void submit(bool all);
  void submit_one(std::vector<Number> cells);
  void withdraw(const std::vector<Number>& cells);
  void follow(Number cell, const store::Claim& claim, const std::filesystem::path& folder, TaskId id);

  store::Store& store_;
  std::vector<Cell> cells_;
  LaunchOptions options_;
  Options slurm_;
  Progress& progress_;
  StopSignals signals_;
  Board board_;
  LaunchResult result_;
  std::deque<Number> pending_;
  std::deque<Elsewhere> elsewhere_;
  std::map<Number, store::Claim> prepared_;         // claimed, not yet submitted
  std::map<Number, std::filesystem::path> folders_;  // of those
  std::map<Number, Task> tasks_;                    // in Slurm
  std::vector<int> attempts_, failures_, fruitless_;  // by this process, per cell
  std::size_t room_;                                // tasks that may be in Slurm at a time
  std::size_t largest_;                             // tasks of an array
  std::int64_t last_array_ = 0;
  Ask ask_ = Ask::nothing;
  int heard_ = 0;                  // signals that were acted upon
  std::vector<TaskId> to_cancel_;  // of which scancel does not know yet
  bool recovered_ = false, told_ = false;
  double submitting_ = 0;  // since when sbatch runs; 0: it does not
  double asked_ = 0, next_look_ = 0, next_checkpoint_ = 0, next_cancel_ = 0, submit_after_ = 0;
  Queue queue_;  // asks gives_up(), so that comes last
};

}  // namespace attnlab::launch::slurm
