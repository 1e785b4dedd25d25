#include "framework/store/open.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "framework/core/utf8.h"
#include "framework/store/embedded.h"
#include "framework/store/store.h"

namespace attnlab::store {
namespace fs = std::filesystem;
namespace {

constexpr char kElsewhere[] = " Choose another place with --db FILE or the variable ATTNLAB_DB.";

fs::path folder_of(const std::string& path) { return fs::path(path).parent_path(); }

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw Error("'" + path + "' cannot be the results database: " + why + "." + kElsewhere);
}

/// Whether there is a file; refuses what is there but is none, and what cannot be reached.
bool file_exists(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) {
    if (errno == ENOENT) return false;
    refuse(path, std::strerror(errno));
  }
  if (S_ISDIR(facts.st_mode)) refuse(path, "it is a folder; expected a file, such as attnlab.db in it");
  if (!S_ISREG(facts.st_mode)) refuse(path, "it is a device, a pipe or a socket; expected a file");
  return true;
}

void make_folder(const fs::path& folder) {
  std::error_code problem;
  fs::create_directories(folder, problem);
  if (problem && !fs::is_directory(folder)) {
    throw Error("cannot make the folder '" + folder.string() +
                "' for the results database: " + problem.message() + "." + kElsewhere);
  }
}

void refuse_network(const fs::path& folder) {
  const auto kind = network_below(folder).value_or("");
  if (!kind.empty()) throw Error(network_refusal(folder.string(), kind));
}

/// Asked before SQLite is, because SQLite opens a file that it cannot write silently read-only.
void require_writable(const std::string& path) {
  const auto folder = folder_of(path);
  const auto may_write = [](const fs::path& target) {
    return ::faccessat(AT_FDCWD, target.c_str(), W_OK, AT_EACCESS) == 0;
  };
  if (!may_write(folder)) {
    throw Error("cannot write to the folder '" + folder.string() + "' of the results database: " +
                std::strerror(errno) + ". WAL keeps two more files beside it." + kElsewhere);
  }
  if (file_exists(path) && !may_write(path)) {
    throw Error("cannot write to the results database '" + path + "': " + std::strerror(errno) +
                "." + kElsewhere);
  }
}

/// The tables that every start reads, and all of a small file; a whole check of a large one would
/// take seconds. 32 MiB take about 0.2 s.
void require_sound(const Connection& connection) {
  constexpr std::uintmax_t kAll = 32 << 20;
  std::error_code ignored;
  const bool small = fs::file_size(connection.path(), ignored) <= kAll;
  std::string verdict = "ok";
  try {
    for (const char* check :
         {"PRAGMA quick_check(1)", "PRAGMA quick_check(studies)", "PRAGMA quick_check(run_attempts)",
          "PRAGMA quick_check(metric_keys)"}) {
      const bool whole = check[std::strlen(check) - 2] == '1';
      if (verdict != "ok" || whole != small) continue;
      auto statement = connection.prepare(check);
      if (statement.step()) verdict = statement.text(0);
    }
  } catch (const SqliteError& error) {
    const bool other_program = error.code() == SQLITE_ERROR;  // it has no such tables
    if (error.code() == SQLITE_NOTADB || (!error.corrupt() && !other_program)) throw;
    if (error.corrupt()) verdict = error.told();
  }
  if (verdict == "ok") return;
  throw SqliteError("'" + connection.path() + "' is corrupt; the integrity check says: " + verdict +
                        "\nRestore a copy, or save what can be read with: sqlite3 FILE .recover",
                    SQLITE_CORRUPT);
}

void switch_to_wal(const Connection& connection) {
  // SQLite does not wait for other processes here, so we do.
  for (int attempt = 0;; ++attempt) {
    try {
      auto statement = connection.prepare("PRAGMA journal_mode = WAL");
      if (statement.step() && statement.text(0) == "wal") return;
      throw Error("'" + connection.path() + "' cannot be switched to WAL, which needs a file " +
                  "system with shared memory." + kElsewhere);
    } catch (const SqliteError& error) {
      if (error.code() != SQLITE_BUSY || attempt == 1000) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
}

void set_rules(const Connection& connection) {
  connection.execute(
      "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY");
}

bool has_pages_in_wal(const std::string& path) {
  std::error_code problem;
  const auto size = fs::file_size(path + "-wal", problem);
  return !problem && size > 0;
}

/// The shared-memory file of WAL cannot be made in a read-only folder; without a WAL it is not
/// needed either, since then nothing can change.
Connection connect_for_reading(const std::string& path, double patience) {
  try {
    Connection connection(path, Connection::Access::read_only);
    connection.wait_for_locks(patience);
    connection.run("SELECT count(*) FROM sqlite_schema");
    return connection;
  } catch (const SqliteError& error) {
    const bool unreachable = error.code() == SQLITE_CANTOPEN || error.code() == SQLITE_READONLY;
    if (!unreachable || has_pages_in_wal(path) || ::access(path.c_str(), R_OK) != 0) throw;
    return Connection(path, Connection::Access::immutable);
  }
}

}  // namespace

std::string network_file_system(std::uint64_t magic) {
  struct Kind {
    std::uint64_t magic;
    const char* name;
  };
  static constexpr std::array kinds{
      Kind{0x6969, "NFS"},       Kind{0x517B, "SMB"},        Kind{0xFE534D42, "SMB2"},
      Kind{0xFF534D42, "CIFS"},  Kind{0x0BD00BD0, "Lustre"}, Kind{0x00C36400, "Ceph"},
      Kind{0x5346414F, "AFS"},   Kind{0x47504653, "GPFS"},   Kind{0x19830326, "BeeGFS"},
      Kind{0xAAD7AAEA, "PanFS"}, Kind{0x73757245, "Coda"}};
  for (const auto& kind : kinds) {
    if (kind.magic == magic) return kind.name;
  }
  return "";
}

std::optional<std::string> network_below(const fs::path& folder) {
  struct statfs facts {};
  if (::statfs(folder.c_str(), &facts) != 0) return std::nullopt;
  return network_file_system(static_cast<std::uint32_t>(facts.f_type));
}

std::string sqlite_version() { return sqlite3_libversion(); }

bool has_wal_reset_bug(int version) {
  const bool mended = version >= 3'051'003 || (version >= 3'050'007 && version < 3'051'000) ||
                      (version >= 3'044'006 && version < 3'045'000);
  return !mended;
}

bool has_wal_reset_bug() { return has_wal_reset_bug(sqlite3_libversion_number()); }

std::string network_refusal(const std::string& folder, const std::string& kind) {
  return "the folder '" + folder + "' of the results database is on a network file system (" +
         kind + "), where SQLite's WAL can lose data; expected a local disk." + kElsewhere;
}

std::string database_path(const std::string& typed) {
  constexpr std::size_t kLongest = 500;  // SQLite itself takes 512, with what it appends
  if (typed.empty()) {
    throw Error("the name of the results database is empty; expected a file." +
                    std::string(kElsewhere), kExitUsage);
  }
  std::error_code problem;
  const auto absolute = fs::absolute(typed, problem).lexically_normal().string();
  if (problem) {
    refuse(typed, "the current folder cannot be told (" + problem.message() + "), so give a whole path");
  }
  // A run is told the name in JSON, which has no other text.
  if (!text::is_utf8(absolute)) refuse(absolute, "its name is no valid UTF-8");
  if (absolute.size() > kLongest) {
    refuse(absolute, "its name has " + std::to_string(absolute.size()) + " bytes; SQLite takes " +
                         std::to_string(kLongest) + " at most");
  }
  return absolute;
}

/// All tables, as tables: a view in the place of one could be without end.
void require_tables(const Connection& connection) {
  const auto found = connection.integer(
      "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('studies', "
      "'environments', 'run_attempts', 'study_runs', 'configs', 'metric_keys', 'events', "
      "'metrics', 'run_last', 'facts', 'artifacts')", 0);
  if (found == 11) return;
  throw Error("'" + connection.path() + "' lacks " + std::to_string(11 - found) +
              " of the 11 tables of a results database: it was changed by hand or is damaged. "
              "Restore a copy, or use another file with --db FILE.");
}

Connection open_for_writing(const std::string& typed) {
  const auto path = database_path(typed);
  const bool fresh = !file_exists(path);
  const auto folder = folder_of(path);
  make_folder(folder);
  refuse_network(folder);
  require_writable(path);
  Connection connection(path, Connection::Access::create);
  if (!fresh) require_sound(connection);
  static_cast<void>(version_of(connection, last_version()));
  switch_to_wal(connection);
  set_rules(connection);
  migrate(connection, migrations(), kViewsSql);
  require_tables(connection);
  connection.remember_files();
  return connection;
}

Connection open_existing(const std::string& path) {
  if (!file_exists(path)) {
    throw Error("the results database '" + path + "' is gone: it was removed or renamed");
  }
  Connection connection(path, Connection::Access::existing);
  set_rules(connection);
  if (version_of(connection, last_version()) != last_version()) throw Error("'" + path + "' is an older database");
  require_tables(connection);
  connection.remember_files();
  return connection;
}

Connection open_of_any_version(const std::string& typed, double patience) {
  const auto path = database_path(typed);
  if (!file_exists(path)) {
    throw Error("no results database at '" + path +
                "'. Start a run first (attnlab run --help), or name a file with --db FILE or the " +
                "variable ATTNLAB_DB.");
  }
  auto connection = connect_for_reading(path, patience);
  if (version_of(connection, last_version()) == 0) {
    throw Error("'" + path + "' holds nothing yet" + (fs::file_size(path) == 0 ? " (0 bytes)" : "") +
                ": expected the results of a run. Start one with --db on it, or name another file.");
  }
  require_tables(connection);
  return connection;
}

Connection open_for_reading(const std::string& typed, double patience) {
  auto connection = open_of_any_version(typed, patience);
  const auto version = version_of(connection, last_version());
  if (version < last_version()) {
    throw Error("'" + connection.path() + "' has schema version " + std::to_string(version) + ", expected " +
                std::to_string(last_version()) + ". Any attnlab run or grid with --db on it updates it.");
  }
  return connection;
}

}  // namespace attnlab::store
