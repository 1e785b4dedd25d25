#include "framework/store/reader.h"

#include <sqlite3.h>

#include <algorithm>

#include "framework/core/text.h"
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

}  // namespace

struct Reader::Impl {
  explicit Impl(const std::string& path) : connection(open_for_reading(path)), guard(connection) {}

  [[nodiscard]] std::vector<std::string> columns_of(const std::string& relation) const {
    auto rows = connection.prepare("SELECT name FROM pragma_table_xinfo(?1)");
    rows.bind(relation);
    std::vector<std::string> names;
    while (rows.step()) names.push_back(rows.text(0));
    return names;
  }

  [[nodiscard]] std::vector<Relation> schema() const {
    auto rows = connection.prepare(
        "SELECT name, type = 'view' FROM sqlite_schema WHERE type IN ('table', 'view') AND name "
        "NOT LIKE 'sqlite_%' ORDER BY type = 'view' DESC, name");
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
      return did_you_mean(column, columns);
    }
    return "";
  }

  [[noreturn]] void refuse(const SqliteError& error) const {
    if (error.code() == SQLITE_AUTH || error.code() == SQLITE_READONLY) {
      throw Error(
          "refused: the database is open for reading only, and this statement would write, "
          "attach a file or change a setting (" +
          error.told() + ")");
    }
    if (error.code() == SQLITE_INTERRUPT) {
      throw Error("stopped: the query took longer than " + human_duration(guard.timeout()) +
                  ". Narrow it down, or allow more with --timeout SECONDS (0: no limit).");
    }
    if (error.code() != SQLITE_ERROR) throw error;
    throw Error("SQL error: " + error.told() + "." + hint(error.told()) +
                " attnlab query --schema lists tables and columns.");
  }

  Connection connection;
  ReadGuard guard;
};

Reader::Reader(const std::string& path) : impl_(std::make_unique<Impl>(path)) {}
Reader::~Reader() = default;
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;

void Reader::set_timeout(double seconds) { impl_->guard.set_timeout(seconds); }

void Reader::each(const std::string& sql, const Row& parameters,
                  const std::function<void(const std::vector<std::string>&)>& columns,
                  const std::function<void(const Row&)>& row) const {
  impl_->guard.start();
  try {
    auto statement = impl_->connection.prepare(sql);
    if (statement.is_empty()) throw Error("expected one SQL statement, found none");
    if (!impl_->connection.prepare(statement.rest()).is_empty()) {
      throw Error("expected one SQL statement; a second one begins at: " +
                  std::string(statement.rest().substr(0, 60)));
    }
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      statement.bind_one(static_cast<int>(i) + 1, parameters[i]);
    }
    std::vector<std::string> names;
    for (int i = 0; i < statement.columns(); ++i) names.push_back(statement.name(i));
    columns(names);
    Row values(names.size());
    while (statement.step()) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = statement.value(static_cast<int>(i));
      }
      row(values);
    }
  } catch (const SqliteError& error) {
    impl_->refuse(error);
  }
}

Answer Reader::query(const std::string& sql, const Row& parameters) const {
  Answer answer;
  each(
      sql, parameters, [&](const auto& names) { answer.columns = names; },
      [&](const Row& row) { answer.rows.push_back(row); });
  return answer;
}

std::vector<Relation> Reader::schema() const {
  impl_->guard.start();
  return impl_->schema();
}

std::vector<std::string> Reader::columns_of(const std::string& relation) const {
  impl_->guard.start();
  return impl_->columns_of(relation);
}

}  // namespace attnlab::store
