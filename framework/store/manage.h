/// manage.h: runs deleted, studies renamed, tags.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace attnlab::store {

/// What deleting a run takes away, and why it cannot be done.
struct Removal {
  std::vector<std::filesystem::path> folders;  // of the run, which are there; none where files are kept
  std::uintmax_t bytes = 0;                    // of the files in them
  std::int64_t rows = 0;                       // in all tables
  std::string refusal;                         // empty: it can be, or was, deleted
  bool other_study = false;                    // it was only taken out of the study; other ones have it too
};

/// One connection that writes; not for use by two threads, nor across fork. Throws Error.
class Housekeeping {
 public:
  explicit Housekeeping(const std::string& path);
  ~Housekeeping();

  /// Takes runs away with their numbers and the folders that they left; one Removal for each. Refuses a run
  /// that is running, or whose cell is (it may be reading this one's checkpoint). A run whose folder belongs
  /// to a database that it was merged from leaves that alone. `study`: of a run that other studies have as
  /// well, only its membership goes; "": the run goes. `dry_run`: says what would be, and does nothing; else
  /// in transactions so short that others get their turn: when it throws, the runs before that are gone.
  [[nodiscard]] std::vector<Removal> remove(const std::vector<std::int64_t>& run_ids, const std::string& study, bool keep_files,
                                            bool dry_run);

  /// In one transaction, as tag() is. Throws Error where there is no such study, or one of the new name. Returns how many runs it has.
  std::int64_t rename_study(const std::string& from, const std::string& to, bool dry_run);

  /// Returns how many of the runs were changed.
  std::int64_t tag(const std::vector<std::int64_t>& runs, const std::vector<std::string>& add,
                   const std::vector<std::string>& remove, bool dry_run);

  /// Room in the file that is free for new rows.
  [[nodiscard]] std::int64_t free_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace attnlab::store
