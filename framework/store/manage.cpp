#include "framework/store/manage.h"

#include <algorithm>
#include <array>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/store/attempts.h"
#include "framework/store/open.h"

namespace attnlab::store {
namespace {

namespace fs = std::filesystem;

// Children before what they belong to.
constexpr std::array kTablesOfRuns{"metrics", "run_last", "events", "facts", "artifacts", "configs", "run_tags", "study_runs"};
constexpr char kUsesOfStudy[] = "SELECT count(*) FROM study_runs WHERE run_id = ?1 AND study_id <> (SELECT id FROM studies WHERE name = ?2)";

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
      "DELETE FROM environments WHERE NOT EXISTS (SELECT 1 FROM run_attempts WHERE environment_id = environments.id);"
      "DELETE FROM studies WHERE NOT EXISTS (SELECT 1 FROM study_runs WHERE study_id = studies.id) AND "
      "NOT EXISTS (SELECT 1 FROM run_attempts WHERE study_id = studies.id)");
}

void remove_folders(const std::vector<fs::path>& folders) {
  for (const auto& folder : folders) {
    std::error_code problem;
    fs::remove_all(folder, problem);
    if (problem) {
      throw Error("cannot remove '" + folder.string() + "': " + problem.message() + ". Its run was left in the database.");
    }
  }
}

}  // namespace

struct Housekeeping::Impl {
  Connection connection;
};

Housekeeping::Housekeeping(const std::string& path) : impl_(std::make_unique<Impl>(Impl{open_for_writing(path)})) {
  end_all_abandoned(impl_->connection);
}
Housekeeping::~Housekeeping() = default;

Removal Housekeeping::remove(std::int64_t run_id, const std::string& study, bool keep_files, bool dry_run) {
  const auto& connection = impl_->connection;
  Removal removal;
  Transaction transaction(connection);
  if (!study.empty() && connection.integer(kUsesOfStudy, 0, run_id, study) > 0) {
    removal.other_study = true;
    connection.run("DELETE FROM study_runs WHERE run_id = ?1 AND study_id = (SELECT id FROM studies WHERE name = ?2)", run_id, study);
    // The study that stands beside it in lists is one that it still has.
    connection.run("UPDATE run_attempts SET study_id = (SELECT min(study_id) FROM study_runs WHERE run_id = ?1) "
                   "WHERE id = ?1 AND study_id = (SELECT id FROM studies WHERE name = ?2)", run_id, study);
    remove_unused(connection);
    if (!dry_run) transaction.commit();
    return removal;
  }
  removal.refusal = refusal(connection, run_id);
  if (!removal.refusal.empty()) return removal;
  if (!keep_files) removal.folders = own_folders(connection, run_id);
  for (const auto& folder : removal.folders) removal.bytes += bytes_in(folder);
  const auto before = connection.all_changes();
  for (const auto* table : kTablesOfRuns) {
    connection.run("DELETE FROM " + std::string(table) + " WHERE run_id = ?1", run_id);
  }
  removal.rows = connection.all_changes() - before + 1;
  // What went on from it has a copy of its numbers.
  connection.run("UPDATE run_attempts SET continues_id = NULL WHERE continues_id = ?1", run_id);
  connection.run("DELETE FROM run_attempts WHERE id = ?1", run_id);
  remove_unused(connection);
  if (dry_run) return removal;
  // Under the lock nobody can claim the cell and begin to read a checkpoint. Cut short here, the run is
  // still in the database, and deleting it again finishes it.
  remove_folders(removal.folders);
  transaction.commit();
  return removal;
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
