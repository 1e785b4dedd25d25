/// sqlite.h: RAII over SQLite's C API: connection, statement, transaction. SQL stays SQL.
///   Not part of the store's interface, except for Value; sqlite3.h does not leak from here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "framework/core/error.h"
#include "framework/store/value.h"

struct sqlite3;
struct sqlite3_stmt;

namespace attnlab::store {

/// Seconds that a run waits for a lock at a time, before it looks whether it is to stop.
inline constexpr double kRunLockWait = 2;

/// A failed call. The message names the file and, where there is one, the cure.
class SqliteError : public Error {
 public:
  SqliteError(const std::string& message, int code, std::string told = {})
      : Error(message), code_(code), told_(std::move(told)) {}
  [[nodiscard]] int code() const { return code_; }  // primary result code, as SQLITE_FULL
  [[nodiscard]] const std::string& told() const { return told_; }  // SQLite's own words
  [[nodiscard]] bool corrupt() const;
  /// Worth another try: the disk is full or another process holds the lock, both of which end.
  [[nodiscard]] bool passing() const;

 private:
  int code_;
  std::string told_;
};

/// One prepared statement. Must not outlive its connection.
class Statement {
 public:
  Statement(sqlite3* database, std::string_view sql);

  /// Binds ?1, ?2, ... in order and starts over. NaN is bound as NULL.
  template <class... Values>
  Statement& bind(const Values&... values) {
    reset();
    int index = 0;
    (bind_one(++index, values), ...);
    return *this;
  }
  /// As many as the row has.
  Statement& bind_row(const Row& row) {
    reset();
    for (std::size_t i = 0; i < row.size(); ++i) bind_value(static_cast<int>(i) + 1, row[i]);
    return *this;
  }
  template <class T>
  void bind_one(int index, const T& value) {
    if constexpr (std::is_same_v<T, Value>)
      bind_value(index, value);
    else if constexpr (std::is_integral_v<T>)
      bind_integer(index, value);
    else if constexpr (std::is_floating_point_v<T>)
      bind_real(index, value);
    else
      bind_text(index, value);
  }

  /// Whether there is a row.
  bool step();
  /// Steps to the end and resets.
  void run();
  void reset();

  [[nodiscard]] int columns() const;
  [[nodiscard]] std::string name(int column) const;
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;  // NULL reads as NaN
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] Value value(int column) const;
  [[nodiscard]] bool read_only() const;
  [[nodiscard]] int parameters() const;  // how many it takes
  /// The text held nothing but blanks and comments.
  [[nodiscard]] bool is_empty() const { return !statement_; }
  /// What stood behind the statement in the text that it was made from.
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  void check(int code) const;
  void bind_null(int index);
  void bind_integer(int index, std::int64_t value);
  void bind_real(int index, double value);
  void bind_text(int index, std::string_view value);
  void bind_value(int index, const Value& value);

  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  std::string_view rest_;
};

/// One connection: for one thread and one process, never carried over a fork.
class Connection {
 public:
  /// `create` makes the file where there is none, `existing` writes to one that is there.
  enum class Access { read_only, immutable, existing, create };
  /// Throws SqliteError with the system's reason.
  Connection(const std::string& path, Access access);

  [[nodiscard]] Statement prepare(std::string_view sql) const { return {database_.get(), sql}; }
  /// One or more statements without parameters; rows are dropped.
  void execute(const std::string& sql) const;
  template <class... Values>
  void run(std::string_view sql, const Values&... values) const {
    prepare(sql).bind(values...).run();
  }
  /// The first column of the first row as an integer; `fallback` where there is none or it is NULL.
  template <class... Values>
  [[nodiscard]] std::int64_t integer(std::string_view sql, std::int64_t fallback,
                                     const Values&... values) const {
    auto statement = prepare(sql);
    statement.bind(values...);
    return statement.step() && !statement.is_null(0) ? statement.integer(0) : fallback;
  }
  /// The first column of all rows as texts.
  template <class... Values>
  [[nodiscard]] std::vector<std::string> texts(std::string_view sql, const Values&... values) const {
    auto rows = prepare(sql);
    rows.bind(values...);
    std::vector<std::string> all;
    while (rows.step()) all.push_back(rows.text(0));
    return all;
  }
  [[nodiscard]] std::int64_t changes() const;  // rows changed by the last statement
  [[nodiscard]] std::int64_t all_changes() const;  // rows changed since the connection was opened
  [[nodiscard]] std::int64_t last_id() const;
  [[nodiscard]] bool in_transaction() const;
  /// Absolute, symbolic links resolved: all processes must lock and look at the same name.
  [[nodiscard]] const std::string& path() const { return path_; }
  void wait_for_locks(double seconds) const;  // at most so long; 10 s unless told otherwise
  /// Takes down which files these are: the database, its WAL and shared memory, once WAL is in use.
  void remember_files();
  /// Where somebody has removed, renamed or replaced one of them since: which, in words; else "".
  /// What is written after that reaches nobody.
  [[nodiscard]] std::string displaced() const;
  [[nodiscard]] sqlite3* handle() const { return database_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  std::string path_;
  std::unique_ptr<sqlite3, Close> database_;
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> files_;  // device and inode
};

/// BEGIN IMMEDIATE; rolls back unless commit() was called.
class Transaction {
 public:
  explicit Transaction(const Connection& connection);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  const Connection& connection_;
  bool open_ = true;
};

}  // namespace attnlab::store
