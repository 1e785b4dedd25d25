/// reader.h: read-only SQL on a results database, safe for text that a person typed.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "framework/store/value.h"

namespace attnlab::store {

struct Answer {
  std::vector<std::string> columns;
  std::vector<Row> rows;
};

/// A table or a view.
struct Relation {
  std::string name;
  bool is_view = false;
  std::vector<std::string> columns;
};

/// One read-only connection: nothing that it is asked can write, attach a file or change a setting.
/// Every method throws Error: bad SQL with the nearest names, a writing statement, too slow, too
/// large. Not for use by two threads. A query has 60 s unless told otherwise; one that SQLite cannot
/// stop in time ends the process (read_guard.h). Attempts whose process is dead read as interrupted,
/// and the views are this program's, whatever the file has.
class Reader {
 public:
  /// Who holds a lock is waited for `patience` seconds at a time.
  explicit Reader(const std::string& path, double patience = 10);
  ~Reader();
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;

  /// Stops a query that takes longer; 0: no limit.
  void set_timeout(double seconds);

  /// One statement; `parameters` are ?1, ?2, ...
  [[nodiscard]] Answer query(const std::string& sql, const Row& parameters = {}) const;

  /// The same, a row at a time, so that a long answer need not stand in memory.
  void each(const std::string& sql, const Row& parameters,
            const std::function<void(const std::vector<std::string>&)>& columns,
            const std::function<void(const Row&)>& row) const;

  /// Whether a text is one condition on the columns of `relation` and nothing else: it may then be put
  /// between brackets. Throws Error: unbalanced brackets, a second statement, an open comment, ?1, ...
  void check_condition(const std::string& relation, const std::string& condition) const;

  /// Views first, then tables, each by name.
  [[nodiscard]] std::vector<Relation> schema() const;
  [[nodiscard]] std::vector<std::string> columns_of(const std::string& relation) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace attnlab::store
