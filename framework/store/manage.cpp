#include "framework/store/manage.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <thread>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/store/attempts.h"
#include "framework/store/open.h"

namespace attnlab::store {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// Children before what they belong to.
constexpr std::array kTablesOfRuns{"metrics", "run_last", "events", "facts", "artifacts", "configs", "run_tags", "study_runs"};
constexpr auto kLongestLock = 50ms;  // that a lock is held, but for one run's folder
constexpr auto kPauseForOthers = 5ms;

std::string refusal(const Connection& connection, std::int64_t run_id) {
  auto row = connection.prepare(
      "SELECT live.id, live.owner_pid, live.owner_host FROM run_attempts AS a JOIN run_attempts AS live ON "
      "live.fingerprint = a.fingerprint AND live.status = 'running' WHERE a.id = ?1");
  if (!row.bind(run_id).step()) return "";
  const auto who = "pid " + row.text(1) + " on " + row.text(2);
  return row.integer(0) == run_id ? "it is running (" + who + ")"
                                  : "its cell is running as run " + row.text(0) + " (" + who + ")";
}

/// Folders that the launcher made for this attempt: what an artifact names may be anything.
std::vector<fs::path> own_folders(const Connection& connection, std::int64_t run_id) {
  auto row = connection.prepare("SELECT substr(fingerprint, 1, 12), merged_from IS NULL FROM run_attempts WHERE id = ?1");
  if (!row.bind(run_id).step() || row.integer(1) == 0) return {};
  auto folders = run_folders(connection, run_id);
  const auto name = row.text(0) + "-";
  std::erase_if(folders, [&](const fs::path& folder) {
    return !folder.filename().string().starts_with(name) || fs::is_symlink(folder);
  });
  return folders;
}

std::uintmax_t bytes_in(const fs::path& folder) {
  std::uintmax_t bytes = 0;
  std::error_code problem;
  for (auto entry = fs::recursive_directory_iterator(folder, problem); !problem && entry != fs::end(entry); entry.increment(problem)) {
    std::error_code ignored;
    if (!entry->is_regular_file(ignored) || entry->is_symlink(ignored)) continue;
    const auto size = entry->file_size(ignored);
    if (!ignored) bytes += size;
  }
  return bytes;
}

void remove_unused(const Connection& connection) {
  connection.execute(
      "DELETE FROM environments WHERE id NOT IN (SELECT environment_id FROM run_attempts WHERE environment_id IS NOT NULL);"
      "DELETE FROM study_facts WHERE study_id NOT IN (SELECT study_id FROM study_runs) AND study_id NOT IN "
      "(SELECT study_id FROM run_attempts);"
      "DELETE FROM studies WHERE id NOT IN (SELECT study_id FROM study_runs) AND id NOT IN (SELECT study_id FROM run_attempts)");
}

/// `study_runs` has an index by study: through the list of studies a run is found in it without a search.
constexpr char kOfRun[] = " WHERE run_id = ?1 AND study_id IN (SELECT id FROM studies)";

/// While one lives SQLite checks no foreign keys: for each run that goes it would search `study_runs` and
/// `run_attempts` from end to end. What refers to a run is taken away by kTablesOfRuns.
class WithoutKeyChecks {
 public:
  explicit WithoutKeyChecks(const Connection& connection) : connection_(connection) {
    connection_.execute("PRAGMA foreign_keys = OFF");
  }
  ~WithoutKeyChecks() {
    try {
      connection_.execute("PRAGMA foreign_keys = ON");
    } catch (const Error&) {  // a connection that takes no setting takes no row
    }
  }
  WithoutKeyChecks(const WithoutKeyChecks&) = delete;
  WithoutKeyChecks& operator=(const WithoutKeyChecks&) = delete;

 private:
  const Connection& connection_;
};

/// A folder cannot be removed.
struct FolderStays : Error {
  using Error::Error;
};

void remove_folders(const std::vector<fs::path>& folders) {
  for (const auto& folder : folders) {
    std::error_code problem;
    fs::remove_all(folder, problem);
    if (problem) {
      throw FolderStays("cannot remove '" + folder.string() + "': " + problem.message() + ". Its run was left in the database.");
    }
  }
}

/// One call of remove(): its statements are prepared once.
class Deletion {
 public:
  Deletion(const Connection& connection, const std::string& study, bool keep_files)
      : connection_(connection), keep_files_(keep_files), other_study_(connection.prepare(
            "SELECT min(study_id) FROM study_runs" + std::string(kOfRun) + " AND study_id <> ?2")) {
    if (!study.empty()) {
      study_ = connection.integer("SELECT id FROM studies WHERE name = ?1", 0, study);
      if (study_ == 0) throw Error("there is no study '" + study + "' any more; nothing was deleted");
    }
    for (const std::string table : kTablesOfRuns) {
      const auto of_run = " FROM " + table + (table == "study_runs" ? kOfRun : " WHERE run_id = ?1");
      counts_.push_back(connection.prepare("SELECT count(*)" + of_run));
      deletes_.push_back(connection.prepare("DELETE" + of_run));
    }
  }

  /// What remove() would do.
  Removal look(std::int64_t run_id) {
    Removal removal;
    if (other_study(run_id) > 0) {
      removal.other_study = true;
      return removal;
    }
    removal.refusal = refusal(connection_, run_id);
    if (!removal.refusal.empty()) return removal;
    if (!keep_files_) removal.folders = own_folders(connection_, run_id);
    for (const auto& folder : removal.folders) removal.bytes += bytes_in(folder);
    removal.rows = 1;
    for (auto& count : counts_) {
      count.bind(run_id).step();
      removal.rows += count.integer(0);
      count.reset();
    }
    return removal;
  }

  /// Within a transaction.
  Removal remove(std::int64_t run_id) {
    auto removal = look(run_id);
    if (removal.other_study) {
      // The study that stands beside it in lists is one that it still has.
      connection_.run("UPDATE run_attempts SET study_id = ?2 WHERE id = ?1 AND study_id = ?3", run_id, other_study(run_id), study_);
      connection_.run("DELETE FROM study_runs WHERE run_id = ?1 AND study_id = ?2", run_id, study_);
    } else if (removal.refusal.empty()) {
      // Under the lock nobody can claim the cell and begin to read a checkpoint. Cut short here, the run is
      // still in the database, and deleting it again finishes it.
      remove_folders(removal.folders);
      for (auto& statement : deletes_) statement.bind(run_id).run();
      // What went on from it, of the same cell, has a copy of its numbers.
      connection_.run("UPDATE run_attempts SET continues_id = NULL WHERE continues_id = ?1 AND fingerprint = "
                      "(SELECT fingerprint FROM run_attempts WHERE id = ?1)", run_id);
      connection_.run("DELETE FROM run_attempts WHERE id = ?1", run_id);
    }
    return removal;
  }

 private:
  std::int64_t other_study(std::int64_t run_id) {
    if (study_ == 0) return 0;
    other_study_.bind(run_id, study_).step();
    const auto other = other_study_.is_null(0) ? 0 : other_study_.integer(0);
    other_study_.reset();
    return other;
  }

  const Connection& connection_;
  bool keep_files_;
  Statement other_study_;
  std::int64_t study_ = 0;  // 0: none is named
  std::vector<Statement> counts_, deletes_;
};

}  // namespace

struct Housekeeping::Impl {
  /// Those of `run_ids` that `removals` does not have yet, as many as there is time for.
  void remove_batch(Deletion& deletion, const std::vector<std::int64_t>& run_ids, std::vector<Removal>& removals) const {
    Transaction transaction(connection);
    const auto end = std::chrono::steady_clock::now() + kLongestLock;
    std::exception_ptr problem;
    try {
      do {
        removals.push_back(deletion.remove(run_ids[removals.size()]));
      } while (removals.size() < run_ids.size() && std::chrono::steady_clock::now() < end);
    } catch (const FolderStays&) {
      problem = std::current_exception();  // the folders of those before it are gone: so are they
    }
    if (problem || removals.size() == run_ids.size()) remove_unused(connection);
    transaction.commit();
    if (problem) std::rethrow_exception(problem);
  }

  Connection connection;
};

Housekeeping::Housekeeping(const std::string& path) : impl_(std::make_unique<Impl>(Impl{open_for_writing(path)})) {
  end_all_abandoned(impl_->connection);
}
Housekeeping::~Housekeeping() { fold_wal_at_end(impl_->connection); }

std::vector<Removal> Housekeeping::remove(const std::vector<std::int64_t>& run_ids, const std::string& study, bool keep_files,
                                          bool dry_run) {
  Deletion deletion(impl_->connection, study, keep_files);
  std::vector<Removal> removals;
  if (dry_run) {
    for (const auto run_id : run_ids) removals.push_back(deletion.look(run_id));
    return removals;
  }
  const WithoutKeyChecks unchecked(impl_->connection);
  while (removals.size() < run_ids.size()) {
    if (!removals.empty()) std::this_thread::sleep_for(kPauseForOthers);
    impl_->remove_batch(deletion, run_ids, removals);
  }
  return removals;
}

std::int64_t Housekeeping::rename_study(const std::string& from, const std::string& to, bool dry_run) {
  const auto& connection = impl_->connection;
  Transaction transaction(connection);
  const auto names = connection.texts("SELECT name FROM studies ORDER BY name");
  if (std::ranges::find(names, from) == names.end()) {
    throw Error("there is no study '" + from + "'." + did_you_mean(from, names), kExitUsage);
  }
  const auto runs = [&](const std::string& name) {
    return connection.integer("SELECT count(*) FROM study_runs JOIN studies ON id = study_id WHERE name = ?1", 0, name);
  };
  if (to.empty()) throw Error("a study needs a name that is not empty", kExitUsage);
  if (std::ranges::find(names, to) != names.end()) {
    throw Error("there is a study '" + to + "' already (runs in it: " + std::to_string(runs(to)) + "); expected a new name", kExitUsage);
  }
  connection.run("UPDATE studies SET name = ?2 WHERE name = ?1", from, to);
  const auto count = runs(to);
  if (!dry_run) transaction.commit();
  return count;
}

std::int64_t Housekeeping::tag(const std::vector<std::int64_t>& runs, const std::vector<std::string>& add,
                               const std::vector<std::string>& remove, bool dry_run) {
  const auto& connection = impl_->connection;
  Transaction transaction(connection);
  std::int64_t changed = 0;
  for (const auto run : runs) {
    const auto before = connection.all_changes();
    for (const auto& word : remove) connection.run("DELETE FROM run_tags WHERE run_id = ?1 AND tag = ?2", run, word);
    for (const auto& word : add) {
      connection.run("INSERT INTO run_tags (run_id, tag) VALUES (?1, ?2) ON CONFLICT DO NOTHING", run, word);
    }
    changed += connection.all_changes() != before;
  }
  if (!dry_run) transaction.commit();
  return changed;
}

std::int64_t Housekeeping::free_bytes() const {
  return impl_->connection.integer("SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size", 0);
}

}  // namespace attnlab::store
