#include "framework/store/sqlite.h"

#include <sqlite3.h>

#include <cerrno>
#include <cmath>
#include <limits>

namespace attnlab::store {
namespace {

/// `cause` is errno: SQLite 3.40 does not pass on why a write failed (past a file size limit, say).
bool is_full(sqlite3* database, int cause) {
  if ((sqlite3_errcode(database) & 0xff) == SQLITE_FULL) return true;
  return sqlite3_extended_errcode(database) == SQLITE_IOERR_WRITE &&
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
      return "'" + file + "' stayed locked by another process for 10 s (" + told +
             "). See which process holds it (fuser), or try again.";
    case SQLITE_CORRUPT:
      return "'" + file + "' is corrupt (" + told +
             "). Restore a copy, or save what can be read with: sqlite3 FILE .recover";
    case SQLITE_NOTADB:
      return "'" + file + "' is not an SQLite database. Name another file with --db FILE.";
    case SQLITE_READONLY:
      return "'" + file + "' cannot be written (" + told + ")";
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

bool SqliteError::disk_full() const { return code_ == SQLITE_FULL; }
bool SqliteError::corrupt() const { return code_ == SQLITE_CORRUPT || code_ == SQLITE_NOTADB; }

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

bool Statement::read_only() const { return sqlite3_stmt_readonly(statement_.get()) != 0; }

void Connection::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

Connection::Connection(const std::string& path, Access access) : path_(path) {
  const int flags = access == Access::read_write  ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                    : access == Access::immutable ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
                                                  : SQLITE_OPEN_READONLY;
  const auto name = access == Access::immutable ? immutable_uri(path) : path;
  sqlite3* database = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &database, flags, nullptr);
  database_.reset(database);
  if (code != SQLITE_OK) {
    throw SqliteError("cannot open '" + path + "': " + sqlite3_errstr(code), code & 0xff);
  }
  sqlite3_busy_timeout(database, 10'000);
  // Checkpoints are Store::checkpoint's alone; see schema.sql.
  sqlite3_wal_autocheckpoint(database, 0);
  sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

void Connection::execute(const std::string& sql) const {
  if (sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail(database_.get());
  }
}

std::int64_t Connection::changes() const { return sqlite3_changes64(database_.get()); }
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
