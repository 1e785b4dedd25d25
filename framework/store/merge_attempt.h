/// merge_attempt.h: attempts of one database, one after the other, into another. Part of merge.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "framework/store/merge.h"
#include "framework/store/merge_numbers.h"
#include "framework/store/sqlite.h"

namespace attnlab::store {

enum class Standing { open, interrupted, ended };
[[nodiscard]] Standing standing(const std::string& status);

/// Everything of `from` that belongs to an attempt. `from_file` is what people know `from` as, which may
/// be a copy; `into_file` likewise.
class AttemptMerge {
 public:
  AttemptMerge(const Connection& from, std::string from_file, const Connection& into, std::string into_file,
               Merged& result);
  /// All, or those of one cell. Batches as it goes.
  void merge_all(const std::string& only_cell);

 private:
  using Id = std::int64_t;
  struct Incoming {
    Id id = 0, attempt = 1, heartbeat = 0, environment = 0, continues = 0;
    std::string uid, fingerprint, status, reason, home;
    Row carried;
  };

  /// The attempt as this database has it; id 0: it does not.
  struct Here {
    Id id = 0, heartbeat = 0;
    std::string fingerprint, status;
    bool unfinished = false;  // left by a merge that was cut short
    /// Whether the other side has seen more of its life. Where it ended it never changes.
    [[nodiscard]] bool is_behind(const Incoming& there) const {
      const auto mine = standing(status), theirs = standing(there.status);
      if (id == 0 || unfinished) return true;
      if (mine == Standing::ended) return false;
      if (theirs == Standing::ended) return true;
      return there.heartbeat > heartbeat || (there.heartbeat == heartbeat && theirs > mine);
    }
  };
  [[nodiscard]] Incoming read(const Statement& row) const;
  [[nodiscard]] Here find_here(const Incoming& attempt) const;
  void merge(const Incoming& attempt);
  struct Obstacle {
    std::string why;  // empty: none
    Id twin = 0;      // the run here that is the same in all numbers, or 0
  };
  [[nodiscard]] Obstacle obstacle(const Incoming& attempt, const Here& here) const;
  [[nodiscard]] Id add(const Incoming& attempt);
  void settle(const Incoming& attempt, Id into_id);
  [[nodiscard]] Id environment(const Incoming& attempt);
  void add_studies(Id from_id, Id into_id);
  void add_study_facts();
  void add_words(Id from_id, Id into_id, bool newer);
  void add_files(Id from_id, Id into_id);
  [[nodiscard]] std::string label(const Incoming& attempt) const;
  [[nodiscard]] std::string_view numbers_compared(Id from_id, Id into_id) const;
  [[nodiscard]] std::string located(const std::string& path);

  const Connection& from_;
  const Connection& into_;
  std::string from_file_, into_file_;
  Merged& result_;
  Batches batches_;
  KeyMap keys_;
  std::vector<std::string> carried_;  // columns of run_attempts that are taken over as they are
  std::set<Id> dead_;                 // attempts of `from` that are running and have no process
  std::map<Id, Id> ids_;              // of attempts, from there to here
};

}  // namespace attnlab::store
