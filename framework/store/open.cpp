#include "framework/store/open.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include "framework/store/embedded.h"

namespace attnlab::store {
namespace fs = std::filesystem;
namespace {

constexpr char kElsewhere[] = " Choose another place with --db FILE or the variable ATTNLAB_DB.";

fs::path folder_of(const std::string& path) { return fs::absolute(path).parent_path(); }

void make_folder(const fs::path& folder) {
  std::error_code problem;
  fs::create_directories(folder, problem);
  if (problem && !fs::is_directory(folder)) {
    throw Error("cannot make the folder '" + folder.string() +
                "' for the results database: " + problem.message() + "." + kElsewhere);
  }
}

void refuse_network(const fs::path& folder) {
  struct statfs facts {};
  if (::statfs(folder.c_str(), &facts) != 0) return;
  const auto kind = network_file_system(static_cast<std::uint32_t>(facts.f_type));
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
  if (fs::exists(path) && !may_write(path)) {
    throw Error("cannot write to the results database '" + path + "': " + std::strerror(errno) +
                "." + kElsewhere);
  }
}

void require_own(const Connection& connection) {
  // In this order: tables and id appear in one commit, perhaps between these two lines.
  const bool empty = connection.integer("SELECT count(*) FROM sqlite_schema", 0) == 0;
  const auto id = connection.integer("PRAGMA application_id", 0);
  if (id == kApplicationId || (empty && id == 0)) return;
  throw Error("'" + connection.path() + "' is an SQLite database of another program (application " +
              "id " + std::to_string(id) + ", expected " + std::to_string(kApplicationId) + ")." +
              kElsewhere);
}

/// A whole check of a large file takes too long for every start, so it ends after 0.2 s.
void require_sound(const Connection& connection) {
  using Clock = std::chrono::steady_clock;
  auto deadline = Clock::now() + std::chrono::milliseconds(200);
  const auto late = [](void* limit) {
    return Clock::now() > *static_cast<Clock::time_point*>(limit) ? 1 : 0;
  };
  sqlite3_progress_handler(connection.handle(), 1000, late, &deadline);
  std::string verdict = "ok";
  try {
    auto check = connection.prepare("PRAGMA quick_check(1)");
    if (check.step()) verdict = check.text(0);
  } catch (const SqliteError& error) {
    if (error.code() == SQLITE_NOTADB) throw;
    if (error.corrupt()) verdict = error.told();
  }
  sqlite3_progress_handler(connection.handle(), 0, nullptr, nullptr);
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
Connection connect_for_reading(const std::string& path) {
  try {
    Connection connection(path, Connection::Access::read_only);
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

std::string network_refusal(const std::string& folder, const std::string& kind) {
  return "the folder '" + folder + "' of the results database is on a network file system (" +
         kind + "), where SQLite's WAL can lose data; expected a local disk." + kElsewhere;
}

Connection open_for_writing(const std::string& path) {
  const auto folder = folder_of(path);
  make_folder(folder);
  refuse_network(folder);
  require_writable(path);
  Connection connection(path, Connection::Access::read_write);
  require_sound(connection);
  require_own(connection);
  switch_to_wal(connection);
  set_rules(connection);
  migrate(connection, migrations(), kViewsSql);
  return connection;
}

Connection open_for_reading(const std::string& path) {
  if (!fs::exists(path)) {
    throw Error("no results database at '" + path +
                "'. Start a run first (attnlab run --help), or name a file with --db FILE or the " +
                "variable ATTNLAB_DB.");
  }
  auto connection = connect_for_reading(path);
  require_own(connection);
  const auto version = connection.integer("PRAGMA user_version", 0);
  const auto last = static_cast<std::int64_t>(migrations().size());
  if (version > last) migrate(connection, migrations(), kViewsSql);  // throws, naming both
  if (version < last) {
    throw Error("'" + path + "' has schema version " + std::to_string(version) + ", expected " +
                std::to_string(last) + ". Any attnlab run or grid with --db on it updates it.");
  }
  return connection;
}

}  // namespace attnlab::store
