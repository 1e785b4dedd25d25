#include "framework/store/merge.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "framework/store/attempts.h"
#include "framework/store/merge_attempt.h"
#include "framework/store/open.h"
#include "framework/store/store.h"

namespace attnlab::store {
namespace {

namespace fs = std::filesystem;

/// Beside the database, where there is room for what it will hold; a folder that is not there or not
/// writable needs none.
fs::path folder_for_copies(const std::string& into) {
  const auto beside = fs::path(into).parent_path();
  return ::access(beside.c_str(), W_OK) == 0 ? beside : fs::temp_directory_path();
}

bool is_same_file(const std::string& a, const std::string& b) {
  struct stat first {}, second {};
  return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

Connection trial_of(const std::string& into) {
  std::optional<Connection> old;
  if (fs::exists(into)) old.emplace(open_of_any_version(into));
  return updated_copy(old ? &*old : nullptr, folder_for_copies(into));
}

Connection source(const std::string& from, const std::string& into) {
  auto connection = open_of_any_version(from);
  if (version_of(connection, last_version()) < last_version()) return updated_copy(&connection, folder_for_copies(into));
  return connection;
}

}  // namespace

struct Merger::Impl {
  std::string file;
  bool dry_run;
  Connection into;
};

Merger::Merger(const std::string& into, bool dry_run)
    : impl_(std::make_unique<Impl>(Impl{database_path(into), dry_run,
                                        dry_run ? trial_of(database_path(into)) : open_for_writing(into)})) {
  // Rows that another program wrote have no name.
  impl_->into.run("UPDATE run_attempts SET uid = substr(fingerprint, 1, 32) || '-' || created_ms || '-' || attempt "
                  "WHERE uid IS NULL");
}
Merger::~Merger() = default;
Merger::Merger(Merger&&) noexcept = default;
Merger& Merger::operator=(Merger&&) noexcept = default;

Merged Merger::take(const std::string& typed, const std::string& only_cell, const std::string& known_as) {
  const auto from = database_path(typed);
  if (is_same_file(from, impl_->file)) {
    throw Error("'" + from + "' cannot be merged into itself; expected another results database", kExitUsage);
  }
  const auto& into = impl_->into;
  const auto reading = source(from, impl_->file);
  // One state of it, however long this takes.
  reading.execute("BEGIN; SELECT count(*) FROM studies");
  if (!impl_->dry_run) end_all_abandoned(into);
  Merged merged;
  AttemptMerge(reading, known_as.empty() ? from : known_as, into, impl_->file, merged).merge_all(only_cell);
  fold_wal(into);
  return merged;
}

}  // namespace attnlab::store
