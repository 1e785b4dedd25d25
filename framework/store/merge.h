/// merge.h: the runs of several databases in one.
///
/// An attempt has a name of its own (run_attempts.uid), which it keeps in every database that takes it
/// in; row ids and attempt numbers are those of the database that it stands in. So what was taken in
/// before is found again, and only what came since is added: twice the same is once, and a database that
/// grows can be taken in again and again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace attnlab::store {

/// What came of taking in one database.
struct Merged {
  std::int64_t added = 0, updated = 0, unchanged = 0;  // attempts
  std::int64_t numbers = 0;                            // rows of metrics, added or replaced
  /// What was not taken in, and why: a cell that is done, or running, on both sides under different
  /// names; a number that differs; a metric key with another unit.
  std::vector<std::string> conflicts;
  std::vector<std::string> unreachable;  // files of runs that are not where they were left
};

/// Takes databases into one. It may be in use: what is written is written in transactions of a twentieth
/// of a second, each of which leaves a whole database, so that a merge that was killed is finished by
/// the next one. One connection; not for use by two threads, nor across fork.
class Merger {
 public:
  /// Creates and migrates `into` as Store does. `dry_run`: all is done on a copy of it, which is then
  /// dropped; the file itself is only read, and need not be there. Throws Error.
  explicit Merger(const std::string& into, bool dry_run = false);
  ~Merger();
  Merger(Merger&&) noexcept;
  Merger& operator=(Merger&&) noexcept;

  /// Takes in one state of `from`, which is only read, may be written to meanwhile and may be of an older
  /// version, which is then brought up to date in a copy. Attempts that run there come in as running;
  /// those whose process is dead as interrupted. `only_cell`: a fingerprint; nothing else is taken in.
  /// Files of runs stay where they are; `known_as` is what people call a `from` that is a copy.
  /// Throws Error: what was committed before stays.
  Merged take(const std::string& from, const std::string& only_cell = "", const std::string& known_as = "");

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace attnlab::store
