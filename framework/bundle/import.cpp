// import.cpp: a bundle into a database and the folders beside it; see bundle.h.
#include <unistd.h>

#include <fstream>
#include <map>
#include <set>

#include "framework/bundle/bundle.h"
#include "framework/bundle/pack.h"
#include "framework/bundle/staging.h"
#include "framework/checkpoint/folder.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text_file.h"
#include "framework/store/reader.h"
#include "framework/store/snapshot.h"

namespace attnlab::bundle {
namespace {

namespace fs = std::filesystem;

/// In each folder that came out of a bundle: the attempt's name. By it a folder is known again that an import
/// left which was killed before its runs were in the database.
constexpr char kOwnerFile[] = "imported";

/// Something, and be it a link that leads nowhere.
bool is_taken(const fs::path& path) {
  std::error_code ignored;
  return fs::symlink_status(path, ignored).type() != fs::file_type::not_found;
}

void require_done(const std::error_code& error, const fs::path& path) {
  if (error) throw Error("cannot write '" + path.string() + "': " + error.message());
}

/// Brings files from the staging folder to where runs have theirs; takes back what it made unless kept.
class Placement {
 public:
  Placement(fs::path staged, fs::path runs_dir, const std::string& database)
      : staged_(std::move(staged)), runs_dir_(std::move(runs_dir)) {
    const store::Reader reader(database);
    const auto rows = reader.query(
        "SELECT uid, (SELECT path FROM artifacts WHERE run_id = a.id AND kind = 'log' ORDER BY created_ms DESC LIMIT 1) "
        "FROM run_attempts AS a");
    for (const auto& row : rows.rows) {
      const auto* uid = std::get_if<std::string>(&row.at(0));
      const auto* log = std::get_if<std::string>(&row.at(1));
      if (uid != nullptr) known_[*uid] = log == nullptr ? fs::path() : fs::path(*log).parent_path();
    }
  }
  ~Placement() {
    for (const auto& path : made_) remove_quietly(path);
  }
  Placement(const Placement&) = delete;
  Placement& operator=(const Placement&) = delete;

  /// Returns what the run's files are called from now on.
  store::AttemptFiles place(const PackedRun& run) {
    const auto from = staged_ / run.folder;
    const auto to = destination(run);
    store::AttemptFiles files{run.uid, {}};
    auto& [logs, checkpoints] = brought_[run.uid];
    for (const auto& [kind, name] : {std::pair{"log", "log.txt"}, {"spec", "spec.json"}}) {
      if (!is_taken(from / name)) continue;
      logs += bring(from / name, to / name, kind == std::string("log")) && kind == std::string("log");
      files.artifacts.emplace_back(kind, (to / name).string());
    }
    const auto kept = checkpoint::list(from / checkpoint::kFolder);
    for (const auto& each : kept) checkpoints += place_checkpoint(each, to / checkpoint::kFolder) ? 1 : 0;
    if (!kept.empty()) files.artifacts.emplace_back(checkpoint::kFolder, (to / checkpoint::kFolder).string());
    return files;
  }
  struct Brought {
    std::int64_t logs = 0, checkpoints = 0;
  };
  /// What was placed stays, but for the folders of attempts that the database did not take. Returns what stays.
  Brought keep(const std::string& database) {
    std::set<std::string> taken;
    const store::Reader reader(database);
    for (const auto& row : reader.query("SELECT uid FROM run_attempts WHERE uid IS NOT NULL").rows) {
      taken.insert(store::text_of(row.at(0)));
    }
    std::erase_if(made_, [&](const fs::path& path) { return !is_taken(path / kOwnerFile) || taken.contains(text_in(path / kOwnerFile)); });
    Brought all;
    for (const auto& [uid, brought] : brought_) {
      if (!taken.contains(uid)) continue;
      all.logs += brought.logs;
      all.checkpoints += brought.checkpoints;
    }
    return all;
  }

 private:
  /// Where the attempt has its files already, else a folder of its own beside the database.
  fs::path destination(const PackedRun& run) {
    std::error_code error;
    if (const auto found = known_.find(run.uid); found != known_.end() && !found->second.empty()) {
      const auto beside = runs_dir_ / found->second.filename();
      for (const auto& each : {found->second, beside}) {
        if (fs::is_directory(each, error)) return each;
      }
    }
    for (int copy = 1;; ++copy) {
      const auto folder = runs_dir_ / (copy == 1 ? run.folder : run.folder + "-" + std::to_string(copy));
      if (fs::create_directory(folder, error)) {
        made_.push_back(folder);
        std::ofstream(folder / kOwnerFile, std::ios::binary) << run.uid;
        return folder;
      }
      require_done(error, folder);
      if (text_in(folder / kOwnerFile) == run.uid) return folder;
    }
  }

  /// A log of a run that went on since it was last imported is replaced by the longer one. Whether it was brought.
  bool bring(const fs::path& from, const fs::path& to, bool may_grow) {
    std::error_code error;
    const bool there = is_taken(to);
    if (there && !(may_grow && is_taken(to.parent_path() / kOwnerFile) && fs::file_size(from) > fs::file_size(to, error))) return false;
    if (!there) made_.push_back(to);
    fs::rename(from, to, error);
    require_done(error, to);
    return true;
  }

  /// Whether it was brought.
  bool place_checkpoint(const checkpoint::Checkpoint& found, const fs::path& to) {
    std::error_code error;
    static_cast<void>(checkpoint::read_state(found.path));  // throws where it is none
    const auto target = to / found.path.filename();
    if (is_taken(target)) return false;
    if (!is_taken(to)) made_.push_back(to);
    fs::create_directories(to, error);
    if (!error) fs::rename(found.path, target, error);
    require_done(error, target);
    made_.push_back(target);
    return true;
  }

  std::map<std::string, Brought> brought_;  // by the attempt's name
  fs::path staged_, runs_dir_;
  std::map<std::string, fs::path> known_;
  std::vector<fs::path> made_;
};

/// The folder of the database, or where that is missing the next one above that is there.
fs::path nearest_folder(fs::path folder) {
  while (!is_folder(folder) && folder.has_relative_path()) folder = folder.parent_path();
  return folder;
}

/// A foreign database may claim that a folder belongs to an attempt of ours.
void require_own_folders(const Manifest& manifest, const std::string& snapshot) {
  std::map<std::string, std::string> fingerprints;
  const store::Reader reader(snapshot);
  for (const auto& row : reader.query("SELECT uid, fingerprint FROM run_attempts").rows) {
    const auto* uid = std::get_if<std::string>(&row.at(0));
    const auto* fingerprint = std::get_if<std::string>(&row.at(1));
    if (uid != nullptr && fingerprint != nullptr) fingerprints[*uid] = *fingerprint;
  }
  for (const auto& run : manifest.runs) {
    const auto found = fingerprints.find(run.uid);
    if (found != fingerprints.end() && found->second.substr(0, 12) == run.folder.substr(0, 12)) continue;
    throw Error("its folder '" + run.folder + "' belongs to no run of its database");
  }
}

}  // namespace

Imported import_bundle(const fs::path& file, const fs::path& database) {
  const Staging staging(nearest_folder(database.parent_path()));
  const auto manifest = unpack(file, staging.path());
  const auto snapshot = (staging.path() / kDatabase).string();
  try {
    store::check_snapshot(snapshot);
    require_own_folders(manifest, snapshot);
  } catch (const Error& error) {
    throw Error("'" + file.string() + "' is not taken in: " + error.what());
  }
  store::Merger merger(database.string());
  const FolderLock lock(database.parent_path());  // two imports of one bundle, one after the other
  Placement placement(staging.path() / "runs", database.parent_path(), database.string());
  std::vector<store::AttemptFiles> files;
  for (const auto& run : manifest.runs) files.push_back(placement.place(run));
  store::relocate_files(snapshot, files);
  auto merged = merger.take(snapshot, "", file.string());
  const auto [logs, checkpoints] = placement.keep(database.string());
  return {.merged = std::move(merged), .logs = logs, .checkpoints = checkpoints, .from = manifest.from};
}

}  // namespace attnlab::bundle
