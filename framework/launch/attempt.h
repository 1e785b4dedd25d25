/// attempt.h: one started worker: its folder, its reports, its end.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "framework/core/status_lines.h"
#include "framework/launch/cell.h"
#include "framework/launch/child_process.h"
#include "framework/launch/memory_watch.h"

namespace attnlab::launch {

/// The store's owner for a child of ours.
[[nodiscard]] store::Owner owner_of(pid_t pid);

/// A fresh folder `<fingerprint[:12]>-<attempt>` in `runs_dir`; never one that exists, so no log is
/// ever overwritten ("-2" and so on is added when another database stands beside).
[[nodiscard]] std::filesystem::path make_run_folder(const std::filesystem::path& runs_dir,
                                                    const std::string& fingerprint,
                                                    std::int64_t attempt);

/// What the worker of a claimed attempt is told. It may go on from one of `earlier`.
[[nodiscard]] RunSpec spec_of(const Cell& cell, const store::Claim& claim, const std::vector<store::Earlier>& earlier,
                              const std::filesystem::path& folder, const LaunchOptions& options);
/// folder/spec.json, whose path is returned. Throws Error: a full disk, a path that is no UTF-8.
std::filesystem::path write_spec(const RunSpec& spec, const std::filesystem::path& folder);

class Attempt {
 public:
  /// Writes spec.json and starts the worker on it, which sees no GPU but `gpu` where there is one; it may go on
  /// from one of `earlier`. Throws Error when that fails.
  Attempt(const Cell& cell, const store::Claim& claim, const std::vector<store::Earlier>& earlier,
          const LaunchOptions& options, std::unique_ptr<GpuClaim> gpu = nullptr);

  [[nodiscard]] std::int64_t run_id() const { return run_id_; }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] std::filesystem::path log() const { return folder_ / "log.txt"; }
  [[nodiscard]] ChildProcess& child() { return *child_; }
  [[nodiscard]] double started() const { return started_; }

  /// What the worker has reported since the last call. Lines that are no reports are passed over.
  [[nodiscard]] std::vector<Report> reports();

  /// Asks the worker by a signal, SIGTERM where that is 0, to finish its step; kills it when `grace`
  /// seconds have passed since.
  void stop(double grace, int signal);
  void kill();
  /// After `listened` more seconds: kills a worker that has not reported for `limit` of them; 0:
  /// never. One that is stopped (SIGSTOP, a debugger) is not silent.
  void check_silence(double listened, double limit);

  /// Set once the worker has ended: what is to be said if its row still stands as running.
  [[nodiscard]] std::optional<Ending> ended();
  /// Text and status of its "end" report, or "".
  [[nodiscard]] const std::string& last_words() const { return last_words_; }
  [[nodiscard]] const std::string& last_status() const { return last_status_; }

  bool shared = false;  // other runs were on the machine
  /// Whether they were at an attempt that this one may go on from.
  [[nodiscard]] bool shared_before() const { return shared_before_; }

 private:
  std::int64_t run_id_;
  std::filesystem::path folder_;
  std::unique_ptr<GpuClaim> gpu_;  // given back when the worker has ended
  MemoryWatch memory_;
  std::unique_ptr<ChildProcess> child_;
  double started_;
  double silence_ = 0;  // seconds for which we listened and heard nothing
  double stop_asked_ = 0;
  bool hung_ = false;
  bool began_ = false;
  bool shared_before_;
  std::string last_words_, last_status_;
};

}  // namespace attnlab::launch
