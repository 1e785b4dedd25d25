/// store.h: the results database. SQLite in WAL mode, many writer processes, one checkpointer.
///   Rules and their reasons: schema.sql. C headers of SQLite do not leak from here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "framework/core/error.h"
#include "framework/core/metric.h"
#include "framework/core/status.h"

namespace attnlab::store {

enum class RunKind { train, time };
[[nodiscard]] std::string_view to_text(RunKind kind);

/// One cell of a grid as it enters the database, before anything ran.
struct CellRecord {
  std::string study;
  std::string fingerprint;  // 64 hexadecimal digits
  std::string
      fingerprint_parts;    // JSON object: config, data, plugin, engine, compiler, torch, device
  std::string config_json;  // canonical resolved config
  std::string overrides;    // as typed, for people
  RunKind kind = RunKind::train;
};

/// Who runs an attempt; enough to tell later whether it is still alive.
struct Owner {
  std::string host;
  std::string boot_id;  // /proc/sys/kernel/random/boot_id
  std::int64_t pid = 0;
  std::int64_t start_ticks = 0;  // field 22 of /proc/PID/stat: a reused pid has another
  std::string pid_space = {};    // pid namespace: containers on one machine count on their own
  [[nodiscard]] static Owner of_this_process();
  /// A task of a Slurm job array: whether it lives is asked of Slurm, by whoever follows it. `host` is
  /// the node, once there is one.
  [[nodiscard]] static Owner of_slurm(const std::string& cluster, std::int64_t job, std::int64_t task);
  [[nodiscard]] bool in_slurm() const;
  [[nodiscard]] std::string cluster() const;  // where in_slurm(); pid is the job, start_ticks the task
  /// nullopt when it ran on another host, where only the heartbeat tells, and in Slurm.
  [[nodiscard]] std::optional<bool> alive() const;
};

/// Heartbeats come every 2 s at least; this long a silence means death where /proc cannot tell.
inline constexpr std::int64_t kSilenceMs = 60'000;

enum class ClaimResult { claimed, finished_before, running_elsewhere };
struct Claim {
  ClaimResult result = ClaimResult::claimed;
  std::int64_t run_id = 0;  // the new attempt, or the attempt that stands in the way
  std::int64_t attempt = 1;
  Owner owner{};  // of one that is running elsewhere
  std::int64_t heard_ms = 0;  // when it gave its last sign of life, since 1970
};

using Facts = std::vector<std::pair<std::string, std::string>>;

/// An attempt that was stopped, and where it left its files.
struct Earlier {
  std::int64_t run_id = 0;
  std::int64_t attempt = 1;
  std::filesystem::path folder{};
  bool shared = false;  // other runs were on the machine
};

class Spool;

/// What a run on another node leaves in its folder instead of writing to a database (spool.h).
struct Spooled {
  std::string folder;
  std::string fingerprint;
  std::int64_t attempt = 1;
  Facts environment{};  // of the node
};

enum class Taken { nothing, something, ended };

/// One connection; not for use by two threads, nor across fork. Throws Error with the file's name.
class Store {
 public:
  enum class Mode { read_write, read_only };
  /// Creates and migrates when read_write. Refuses a newer schema, a file that is no attnlab
  /// database, a corrupt one, a folder without write permission, a network file system.
  explicit Store(const std::string& path, Mode mode = Mode::read_write);
  ~Store();
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;

  /// One transaction. A cell that is done is not run again; one whose attempt is running and alive
  /// is left to its owner; attempts whose owner died are marked interrupted and a new one begins.
  [[nodiscard]] Claim claim(const CellRecord& cell, const Owner& owner);
  /// As claim() would answer, without writing (run_id 0 for a new attempt): for --plan. nullopt:
  /// the cell was never tried.
  [[nodiscard]] std::optional<Claim> peek(const std::string& fingerprint) const;
  /// Records a cell that cannot run: status skipped with the reason. No second row for the same
  /// fingerprint and reason.
  std::int64_t record_skipped(const CellRecord& cell, const std::string& reason);

  /// The worker that runs a claimed attempt, what it runs on, and its files by kind ("log").
  void started(std::int64_t run_id, const Owner& owner, const Facts& environment,
               const Facts& artifacts);
  /// Ends an attempt; only a running one changes. Returns whether it did: not where the attempt had
  /// left its own ending in a file (RunWriter), which is taken in first.
  bool finish(std::int64_t run_id, Status status, const std::string& reason);
  void add_facts(std::int64_t run_id, const Facts& facts);
  /// About a study as a whole, in place of what stood under these names. Throws Error where there is none of that name.
  void add_study_facts(const std::string& study, const Facts& facts);
  /// Stores the fact `plan` of a study, which is made where there is none, and that `owner` goes on with it, in one
  /// transaction. False where another plan stands there that was looked at, or that a living process goes on with.
  [[nodiscard]] bool hold_plan(const std::string& study, const std::string& plan, const Owner& owner);
  /// All of it in one transaction.
  void add_events(std::int64_t run_id, const std::vector<MetricEvent>& events);
  /// What was found out afterwards about a step: where the run has logged that step, its clock, tokens and
  /// times stay as they are. No WAL is left, so that whoever copies the file has it.
  void add_afterwards(std::int64_t run_id, const MetricEvent& event);
  [[nodiscard]] Status status(std::int64_t run_id) const;
  /// The interrupted and failed attempts before this one at the same cell, newest first, back to the
  /// last one that began from scratch (a fact of that name).
  [[nodiscard]] std::vector<Earlier> earlier(std::int64_t run_id) const;
  /// The attempt's folder, where the launcher put its log; empty where there is none any more.
  [[nodiscard]] std::filesystem::path folder(std::int64_t run_id) const;
  /// The tasks of Slurm that claimed attempts became, which stand as facts too. One transaction.
  void hand_over(const std::vector<std::pair<std::int64_t, Owner>>& tasks);
  /// A claim that came to nothing: its row is removed, as if it had never been. Nothing where the
  /// attempt has numbers or has ended.
  void withdraw(std::int64_t run_id);
  /// Gives a running attempt whose owner is dead to a task of Slurm. Whether it did.
  bool adopt(std::int64_t run_id, const Owner& owner);
  /// What is new in a running attempt's spool, in one transaction; again what was taken in before
  /// changes nothing. ended: the attempt runs no more, and nothing was taken.
  [[nodiscard]] Taken take_spool(std::int64_t run_id, Spool& spool);
  /// Looks after running attempts whose owner is dead: takes in what they could not save, marks the
  /// others as interrupted. Returns how many there were.
  int reap_dead();
  /// Folds the WAL back; a no-op where another process holds the checkpoint lock. Nothing else does
  /// it, so a grid calls this every few seconds and at its end. Never waits for readers.
  void checkpoint();
  /// How long each call waits for another process's lock; 10 s unless told otherwise.
  void wait_for_locks(double seconds);
  /// What happened to the database's files, where somebody removed, renamed or replaced them while
  /// they are in use, in words; else "".
  [[nodiscard]] std::string displaced() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  friend class RunWriter;
};

/// A MetricSink whose own thread writes to the store twice a second or every 256 events, and beats
/// the heart; on another node than the database's it appends to a spool every 2 s instead. The training thread never waits for a disk. What cannot be written (disk full, locked
/// by another program) is kept in memory and tried again; `problem()` tells.
/// An attempt that somebody else ended (reaped, claimed anew) is left as it is: nothing more is
/// written, `problem()` says so, and finish() does nothing. Thread-safe but for finish().
class RunWriter : public MetricSink {
 public:
  /// The database must be there. `folder` is the run's, for what the database does not take; empty:
  /// there is none. `patience`: for so many seconds the end is tried again. Throws Error.
  RunWriter(const std::string& path, std::int64_t run_id, std::string folder = "",
            double patience = 60);
  /// Throws Error where nothing can be written in the folder.
  explicit RunWriter(const Spooled& spooled, double patience = 60);
  /// As finish(), but the status stays as it is: whoever looks after the process sets it.
  ~RunWriter() override;
  void add(MetricEvent event) override;
  void fact(std::string_view name, std::string_view text) override;
  /// A file or folder that the run leaves.
  void artifact(std::string_view kind, std::string_view path);
  /// Before the first event of a training run: it goes on from `from`, an earlier attempt of the same
  /// cell or an earlier life of its own, as of `step` (continue_from()); 0: from none. Throws Error.
  void begin(std::int64_t from, std::int64_t step);
  /// Waits until what was added is in the database, for so many seconds at most. Whether it is.
  bool settle(double seconds);
  [[nodiscard]] std::optional<std::string> problem() const;
  /// Going on would be for nothing: the attempt was ended by somebody else, the database was removed
  /// or renamed, or nothing could be written for ten minutes.
  [[nodiscard]] bool hopeless() const;
  /// Whether a later life of the same attempt has begun on another node (spool.h), which has the run's folder
  /// now. Looks at once.
  [[nodiscard]] bool taken_over() const;
  /// Writes what is left and the final status in one transaction; after that the sink is closed.
  /// Where that fails for 5 s (at once when interrupted), all of it goes into folder/unsaved.json,
  /// which Store::finish, claim and reap_dead take in. Throws Error when neither can be written.
  void finish(Status status, const std::string& reason);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The attempt goes on from `from`, an earlier one of the same cell, as of `step`: what that one has
/// logged up to there, and facts that this one lacks, are its own from now on. Tries for `patience`
/// seconds. Throws Error.
void continue_from(const std::string& database, std::int64_t run_id, std::int64_t from,
                   std::int64_t step, double patience);

/// Whether the failure is one that passes: a full disk, a lock of another process.
[[nodiscard]] bool may_pass(const Error& error);

/// The whole path of a database that was named so: what --db and ATTNLAB_DB hold. Throws Error on a
/// name that is empty, too long, no UTF-8, or relative to a folder that is gone.
[[nodiscard]] std::string database_path(const std::string& typed);

}  // namespace attnlab::store
