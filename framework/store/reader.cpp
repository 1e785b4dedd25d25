#include "framework/store/reader.h"

#include <sqlite3.h>

#include <algorithm>
#include <optional>

#include "framework/core/text.h"
#include "framework/store/attempts.h"
#include "framework/store/embedded.h"
#include "framework/store/open.h"
#include "framework/store/read_guard.h"

namespace attnlab::store {
namespace {

/// What follows `lead` in SQLite's message, without the qualifier: "no such column: r.stps".
std::string name_behind(const std::string& told, const std::string& lead) {
  if (!told.starts_with(lead)) return {};
  const auto name = told.substr(lead.size());
  return name.substr(name.rfind('.') + 1);
}

/// 'running' of a dead process is 'interrupted' to a reader, who may not write it down.
std::string attempts_as_they_are(const Connection& connection, const std::string& dead) {
  std::string columns;
  for (const auto& name : connection.texts("SELECT name FROM pragma_table_info('run_attempts')")) {
    std::string column = name;
    if (name == "status") column = "iif(id IN (" + dead + "), 'interrupted', status) AS status";
    if (name == "reason") column = "iif(id IN (" + dead + "), " + kAbandonedReason + ", reason) AS reason";
    columns += (columns.empty() ? "" : ", ") + column;
  }
  return "CREATE TEMP VIEW run_attempts AS SELECT " + columns + " FROM main.run_attempts";
}

/// Makes this program's views in front of the file's where those are other ones, and shows attempts
/// whose process is dead as interrupted.
void make_own_views(const Connection& connection) {
  connection.execute("PRAGMA temp_store = MEMORY");
  std::string dead;
  for (const auto& attempt : running_attempts(connection)) {
    if (attempt.result != ClaimResult::claimed) continue;
    dead += (dead.empty() ? "" : ", ") + std::to_string(attempt.run_id);
  }
  if (dead.empty() && has_views(connection, kViewsSql)) return;
  std::string views = kViewsSql;
  for (auto at = views.find("CREATE VIEW "); at != std::string::npos; at = views.find("CREATE VIEW ", at + 1)) {
    views.replace(at, 7, "CREATE TEMP ");
  }
  connection.execute(views);
  if (!dead.empty()) connection.execute(attempts_as_they_are(connection, dead));
}

}  // namespace

struct Reader::Impl {
  Impl(const std::string& path, double patience) : connection(open_for_reading(path, patience)), guard(connection) {
    guard.begin();
    {
      const ReadGuard::Working working(guard);
      make_own_views(connection);
    }
    guard.lock();
  }

  [[nodiscard]] std::vector<std::string> columns_of(const std::string& relation) const {
    return connection.texts("SELECT name FROM pragma_table_xinfo(?1)", relation);
  }

  [[nodiscard]] std::vector<Relation> schema() const {
    auto rows = connection.prepare(
        "SELECT name, max(type = 'view') FROM (SELECT name, type FROM sqlite_schema UNION ALL "
        "SELECT name, type FROM sqlite_temp_schema WHERE name <> 'run_attempts') "
        "WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' "
        "GROUP BY name ORDER BY max(type = 'view') DESC, name");
    std::vector<Relation> relations;
    while (rows.step()) {
      relations.push_back({rows.text(0), rows.integer(1) == 1, columns_of(rows.text(0))});
    }
    return relations;
  }

  [[nodiscard]] std::string hint(const std::string& told) const {
    std::vector<std::string> tables, columns;
    for (const auto& relation : schema()) {
      tables.push_back(relation.name);
      columns.insert(columns.end(), relation.columns.begin(), relation.columns.end());
    }
    std::sort(columns.begin(), columns.end());
    columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
    if (const auto table = name_behind(told, "no such table: "); !table.empty()) {
      return did_you_mean(table, tables);
    }
    if (const auto column = name_behind(told, "no such column: "); !column.empty()) {
      const auto owners = relations_with(column);
      return owners.empty() ? did_you_mean(column, columns) : " It is a column of " + join(owners, ", ") + ".";
    }
    return "";
  }

  /// Those that have the column, whose name SQL compares in any case.
  [[nodiscard]] std::vector<std::string> relations_with(const std::string& column) const {
    std::vector<std::string> names;
    for (const auto& relation : schema()) {
      const auto is_it = [&](const auto& own) { return lower_case(own) == lower_case(column); };
      if (std::ranges::any_of(relation.columns, is_it)) names.push_back(relation.name);
    }
    return names;
  }

  [[noreturn]] void refuse(const SqliteError& error) const {
    if (error.code() == SQLITE_AUTH || error.code() == SQLITE_READONLY) {
      throw Error(
          "refused: the database is open for reading only, and this statement would write, "
          "attach a file or change a setting (" +
          error.told() + ")");
    }
    if (error.code() == SQLITE_INTERRUPT) throw Error(guard.refusal());
    if (error.code() != SQLITE_ERROR) throw error;
    throw Error("SQL error: " + error.told() + "." + hint(error.told()) +
                " attnlab query --schema lists tables and columns.");
  }

  Connection connection;
  ReadGuard guard;
};

Reader::Reader(const std::string& path, double patience) : impl_(std::make_unique<Impl>(path, patience)) {}
Reader::~Reader() = default;
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;

void Reader::set_timeout(double seconds) { impl_->guard.set_timeout(seconds); }

void Reader::each(const std::string& sql, const Row& parameters,
                  const std::function<void(const std::vector<std::string>&)>& columns,
                  const std::function<void(const Row&)>& row) const {
  impl_->guard.begin();
  try {
    auto working = std::make_optional<ReadGuard::Working>(impl_->guard);
    auto statement = impl_->connection.prepare(sql);
    if (statement.is_empty()) throw Error("expected one SQL statement, found none");
    if (!impl_->connection.prepare(statement.rest()).is_empty()) {
      throw Error("expected one SQL statement; a second one begins at: " +
                  std::string(statement.rest().substr(0, 60)));
    }
    statement.bind_row(parameters);
    std::vector<std::string> names;
    for (int i = 0; i < statement.columns(); ++i) names.push_back(statement.name(i));
    working.reset();
    columns(names);
    Row values(names.size());
    while (working.emplace(impl_->guard), statement.step()) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = statement.value(static_cast<int>(i));
      }
      working.reset();
      row(values);
    }
  } catch (const SqliteError& error) {
    impl_->refuse(error);
  }
}

Answer Reader::query(const std::string& sql, const Row& parameters) const {
  constexpr std::size_t kMost = std::size_t{1} << 30;
  Answer answer;
  std::size_t bytes = 0;
  each(
      sql, parameters, [&](const auto& names) { answer.columns = names; },
      [&](const Row& row) {
        bytes += sizeof(Row) + row.size() * sizeof(Value);
        for (const auto& value : row) {
          if (const auto* text = std::get_if<std::string>(&value)) bytes += text->size();
        }
        if (bytes > kMost) {
          throw Error("the answer is larger than " + human_bytes(kMost) +
                      ", which must fit into memory to be laid out. Narrow it down, or let "
                      "attnlab query print it row by row with --csv or --json.");
        }
        answer.rows.push_back(row);
      });
  return answer;
}

void Reader::check_condition(const std::string& relation, const std::string& condition) const {
  impl_->guard.begin();
  const ReadGuard::Working working(impl_->guard);
  try {
    // SQLite itself says where an expression ends: alone, with nothing behind it that could balance a
    // bracket; and between brackets, where neither LIMIT nor UNION is part of one.
    const auto lead = "SELECT 1 FROM " + relation + " WHERE ";
    const auto alone = impl_->connection.prepare(lead + condition);
    (void)impl_->connection.prepare(lead + "(" + condition + "\n)");
    if (alone.parameters() > 0) {
      throw Error("a condition has no parameters (?, ?1, :name, @name, $name): nothing is bound to them. Write the values themselves.");
    }
  } catch (const SqliteError& error) {
    impl_->refuse(error);
  }
}

std::vector<Relation> Reader::schema() const {
  impl_->guard.begin();
  const ReadGuard::Working working(impl_->guard);
  return impl_->schema();
}

std::vector<std::string> Reader::columns_of(const std::string& relation) const {
  impl_->guard.begin();
  const ReadGuard::Working working(impl_->guard);
  return impl_->columns_of(relation);
}

}  // namespace attnlab::store
