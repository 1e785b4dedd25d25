#include "framework/store/sqlite.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "framework/store/store.h"

namespace attnlab::store {
namespace {

/// `cause` is errno: SQLite 3.40 does not pass on why a write failed (past a file size limit, say),
/// nor why a file could not be made (no inode is left, say).
bool is_full(sqlite3* database, int cause) {
  const int code = sqlite3_extended_errcode(database);
  if ((code & 0xff) == SQLITE_FULL) return true;
  if ((code & 0xff) == SQLITE_CANTOPEN) {
    const char* file = sqlite3_db_filename(database, "main");
    struct statvfs disk {};
    return file != nullptr && ::statvfs(std::filesystem::path(file).parent_path().c_str(), &disk) == 0 &&
           (disk.f_bavail == 0 || (disk.f_files != 0 && disk.f_favail == 0));
  }
  return (code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_SHMSIZE) &&
         (cause == ENOSPC || cause == EFBIG || cause == EDQUOT);
}

/// What a person can do about it, in words.
std::string explain(sqlite3* database, const std::string& file, bool full) {
  const std::string told = sqlite3_errmsg(database);
  if (full) {
    return "disk full: cannot write to '" + file + "' (" + told +
           "). Free some space, or use another place with --db FILE.";
  }
  switch (sqlite3_errcode(database) & 0xff) {
    case SQLITE_BUSY:
      return "'" + file + "' stayed locked by another process (" + told +
             "). See which process holds it (fuser), or try again.";
    case SQLITE_CORRUPT:
      return "'" + file + "' is corrupt (" + told +
             "). Restore a copy, or save what can be read with: sqlite3 FILE .recover";
    case SQLITE_NOTADB:
      return "'" + file + "' is not an SQLite database. Name another file with --db FILE.";
    case SQLITE_READONLY:
      return "'" + file + "' cannot be written (" + told + ")";
    case SQLITE_CANTOPEN: {
      const int cause = sqlite3_system_errno(database);
      return "cannot open '" + file + "' or the two files that WAL keeps beside it: " +
             (cause != 0 ? std::strerror(cause) : told);
    }
    case SQLITE_NOMEM:
      return "'" + file + "': a statement needs more memory than its limit of 1 GiB. Narrow it down.";
    default:
      return "'" + file + "': " + told;
  }
}

[[noreturn]] void fail(sqlite3* database) {
  const bool full = is_full(database, errno);  // first of all: any call may change errno
  const char* file = sqlite3_db_filename(database, "main");
  const int code = full ? SQLITE_FULL : sqlite3_errcode(database) & 0xff;
  throw SqliteError(explain(database, file ? file : "database", full), code,
                    sqlite3_errmsg(database));
}

/// A file that a stranger made may hold views without end and triggers; a typed statement may ask
/// for a text of a gigabyte. Neither is ours: our own statements stay far below all of this.
void harden(sqlite3* database) {
  constexpr std::int64_t kMostMemory = 1 << 30;  // of all connections of this process
  sqlite3_hard_heap_limit64(kMostMemory);
  sqlite3_limit(database, SQLITE_LIMIT_LENGTH, 64 << 20);
  sqlite3_limit(database, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000);
  sqlite3_limit(database, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
}

/// Device and inode; zeros where there is no such file.
std::pair<std::uint64_t, std::uint64_t> identity(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return {};
  return {facts.st_dev, facts.st_ino};
}

/// The present name of an open file of ours, "" where it has none.
std::string present_name(const std::pair<std::uint64_t, std::uint64_t>& file) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored)) {
    if (identity(entry.path()) != file) continue;
    const auto name = std::filesystem::read_symlink(entry.path(), ignored).string();
    if (!name.ends_with(" (deleted)")) return name;
  }
  return "";
}

/// An SQLite URI of the path: '?', '#' and '%' would otherwise mean something.
std::string immutable_uri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '?')
      uri += "%3f";
    else if (c == '#')
      uri += "%23";
    else if (c == '%')
      uri += "%25";
    else
      uri += c;
  }
  return uri + "?immutable=1";
}

}  // namespace

bool SqliteError::corrupt() const { return code_ == SQLITE_CORRUPT || code_ == SQLITE_NOTADB; }
bool SqliteError::passing() const {
  return code_ == SQLITE_FULL || code_ == SQLITE_BUSY || code_ == SQLITE_LOCKED;
}

bool may_pass(const Error& error) {
  const auto* failed = dynamic_cast<const SqliteError*>(&error);
  return failed != nullptr && failed->passing();
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement::Statement(sqlite3* database, std::string_view sql) : database_(database) {
  sqlite3_stmt* statement = nullptr;
  const char* rest = nullptr;
  const int code =
      sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &statement, &rest);
  statement_.reset(statement);
  check(code);
  rest_ = sql.substr(static_cast<std::size_t>(rest - sql.data()));
}

void Statement::check(int code) const {
  if (code != SQLITE_OK) fail(database_);
}

void Statement::bind_null(int index) { check(sqlite3_bind_null(statement_.get(), index)); }

void Statement::bind_integer(int index, std::int64_t value) {
  check(sqlite3_bind_int64(statement_.get(), index, value));
}

void Statement::bind_real(int index, double value) {
  // SQLite would do the same silently; here it is a decision: NULL in a REAL column is NaN.
  if (std::isnan(value)) return bind_null(index);
  check(sqlite3_bind_double(statement_.get(), index, value));
}

void Statement::bind_text(int index, std::string_view value) {
  check(sqlite3_bind_text64(statement_.get(), index, value.data() ? value.data() : "", value.size(),
                            SQLITE_TRANSIENT, SQLITE_UTF8));
}

void Statement::bind_value(int index, const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return bind_integer(index, *integer);
  if (const auto* real = std::get_if<double>(&value)) return bind_real(index, *real);
  if (const auto* text = std::get_if<std::string>(&value)) return bind_text(index, *text);
  bind_null(index);
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) fail(database_);
  return false;
}

void Statement::run() {
  while (step()) {
  }
  reset();
}

void Statement::reset() { sqlite3_reset(statement_.get()); }

int Statement::columns() const { return sqlite3_column_count(statement_.get()); }

std::string Statement::name(int column) const {
  return sqlite3_column_name(statement_.get(), column);
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

double Statement::real(int column) const {
  if (is_null(column)) return std::numeric_limits<double>::quiet_NaN();
  return sqlite3_column_double(statement_.get(), column);
}

std::string Statement::text(int column) const {
  const auto* bytes = sqlite3_column_text(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return bytes ? std::string(reinterpret_cast<const char*>(bytes), size) : std::string();
}

Value Statement::value(int column) const {
  switch (sqlite3_column_type(statement_.get(), column)) {
    case SQLITE_INTEGER:
      return integer(column);
    case SQLITE_FLOAT:
      return real(column);
    case SQLITE_NULL:
      return std::monostate{};
    default:
      return text(column);
  }
}

int Statement::parameters() const { return sqlite3_bind_parameter_count(statement_.get()); }
bool Statement::read_only() const { return sqlite3_stmt_readonly(statement_.get()) != 0; }

void Connection::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

Connection::Connection(const std::string& path, Access access) : path_(path) {
  constexpr std::array kFlags{SQLITE_OPEN_READONLY, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
                              SQLITE_OPEN_READWRITE, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE};
  const auto name = access == Access::immutable ? immutable_uri(path) : path;
  sqlite3* database = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &database,
                                   kFlags[static_cast<std::size_t>(access)], nullptr);
  database_.reset(database);
  if (code != SQLITE_OK) {
    const int cause = database == nullptr ? 0 : sqlite3_system_errno(database);
    throw SqliteError("cannot open '" + path +
                          "': " + (cause != 0 ? std::strerror(cause) : sqlite3_errstr(code)),
                      code & 0xff);
  }
  if (const char* resolved = sqlite3_db_filename(database, "main")) path_ = resolved;
  harden(database);
  wait_for_locks(10);
  // Checkpoints are Store::checkpoint's alone; see schema.sql.
  sqlite3_wal_autocheckpoint(database, 0);
  sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

void Connection::wait_for_locks(double seconds) const {
  sqlite3_busy_timeout(database_.get(), static_cast<int>(seconds * 1000));
}

void Connection::remember_files() {
  for (const char* suffix : {"", "-wal", "-shm"}) {
    if (const auto file = identity(path_ + suffix); file.second != 0) files_[path_ + suffix] = file;
  }
}

std::string Connection::displaced() const {
  for (const auto& [name, before] : files_) {
    const auto now = identity(name);
    if (now == before) continue;
    if (now.second != 0) return "'" + name + "' was replaced by another file";
    const auto where = present_name(before);
    return "'" + name + "' was " + (where.empty() ? "removed" : "renamed to '" + where + "'");
  }
  return "";
}

void Connection::execute(const std::string& sql) const {
  if (sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail(database_.get());
  }
}

std::int64_t Connection::changes() const { return sqlite3_changes64(database_.get()); }
std::int64_t Connection::all_changes() const { return sqlite3_total_changes64(database_.get()); }
std::int64_t Connection::last_id() const { return sqlite3_last_insert_rowid(database_.get()); }
bool Connection::in_transaction() const { return sqlite3_get_autocommit(database_.get()) == 0; }

Transaction::Transaction(const Connection& connection) : connection_(connection) {
  connection_.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  // SQLite rolls back by itself on some errors (disk full); a destructor must not throw.
  if (open_ && connection_.in_transaction()) {
    sqlite3_exec(connection_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

void Transaction::commit() {
  connection_.execute("COMMIT");
  open_ = false;
}

}  // namespace attnlab::store
