#include <sqlite3.h>

#include <filesystem>
#include <string_view>
#include <vector>

#include "framework/core/files.h"
#include "framework/store/embedded.h"
#include "framework/store/open.h"

namespace attnlab::store {
namespace {

constexpr const char* kSteps[] = {kSchemaSql, kSchema2Sql, kSchema3Sql, kSchema4Sql, kSchema5Sql};
constexpr std::string_view kMakeView = "CREATE VIEW ";

std::vector<std::string> view_names(std::string_view views) {
  std::vector<std::string> names;
  for (auto at = views.find(kMakeView); at != views.npos; at = views.find(kMakeView, at + 1)) {
    const auto name = views.substr(at + kMakeView.size());
    names.emplace_back(name.substr(0, name.find(' ')));
  }
  return names;
}

}  // namespace

std::span<const char* const> migrations() { return kSteps; }
std::int64_t last_version() { return static_cast<std::int64_t>(std::size(kSteps)); }

std::int64_t version_of(const Connection& connection, std::int64_t last) {
  // One statement, so one state of the file: another process may be making it just now.
  auto facts = connection.prepare(
      "SELECT (SELECT count(*) FROM sqlite_schema), application_id, user_version "
      "FROM pragma_application_id, pragma_user_version");
  facts.step();
  const auto objects = facts.integer(0), id = facts.integer(1), version = facts.integer(2);
  const std::string file = "'" + connection.path() + "' ";
  if (id != kApplicationId && !(objects == 0 && id == 0 && version == 0)) {
    throw Error(file + "is an SQLite database of another program (application id " +
                std::to_string(id) + ", expected " + std::to_string(kApplicationId) +
                "). Choose another place with --db FILE or the variable ATTNLAB_DB.");
  }
  if (version > last) {
    throw Error(file + "was written by a newer attnlab: its schema is version " +
                std::to_string(version) + ", this program knows versions up to " +
                std::to_string(last) + ". Update attnlab, or use another file with --db FILE.");
  }
  if (version < 0 || (version == 0 && objects != 0)) {
    throw Error(file + "has schema version " + std::to_string(version) + ", which no attnlab " +
                "wrote (expected 1 to " + std::to_string(last) +
                "): it was changed by hand or is damaged. Restore a copy.");
  }
  return version;
}

bool has_views(const Connection& connection, const char* views) {
  // SQLite keeps a view's text as it was typed.
  const auto same = connection.integer(
      "SELECT count(*) FROM sqlite_schema WHERE type = 'view' AND instr(?1, sql) > 0", 0,
      std::string_view(views));
  return same == static_cast<std::int64_t>(view_names(views).size());
}

void copy_pages(const Connection& source, const Connection& copy) {
  auto* backup = sqlite3_backup_init(copy.handle(), "main", source.handle(), "main");
  if (backup != nullptr) {
    sqlite3_backup_step(backup, -1);  // all at once is one state of it
    sqlite3_backup_finish(backup);
  }
  const int code = sqlite3_errcode(copy.handle()) & 0xff;
  if (code == SQLITE_OK) return;
  throw SqliteError("cannot copy '" + source.path() + "' to '" + copy.path() + "': " + sqlite3_errmsg(copy.handle()) +
                        (code == SQLITE_FULL || code == SQLITE_IOERR ? ". Is the disk full?" : ""),
                    code);
}

Connection updated_copy(const Connection* old, const std::filesystem::path& folder) {
  const auto pattern = folder / "attnlab-copy-XXXXXX";
  const TemporaryFolder made(pattern);
  if (made.path().empty()) {
    throw errno_error("cannot make the folder '" + pattern.string() + "' for a copy of a results database");
  }
  Connection copy((made.path() / "copy.db").string(), Connection::Access::create);
  if (old != nullptr) copy_pages(*old, copy);
  // A journal that is a file belongs to a name, which this one is about to lose.
  copy.execute("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON; "
               "PRAGMA temp_store = MEMORY");
  migrate(copy, migrations(), kViewsSql);
  return copy;
}

void migrate(const Connection& connection, std::span<const char* const> steps, const char* views) {
  const auto last = static_cast<std::int64_t>(steps.size());
  if (version_of(connection, last) == last && has_views(connection, views)) return;
  Transaction transaction(connection);
  // Asked again under the lock: another process may have done it meanwhile.
  for (auto step = version_of(connection, last); step < last; ++step) {
    connection.execute(steps[static_cast<std::size_t>(step)]);
  }
  for (const auto& name : view_names(views)) connection.execute("DROP VIEW IF EXISTS " + name);
  connection.execute(views);
  connection.execute("PRAGMA application_id = " + std::to_string(kApplicationId));
  connection.execute("PRAGMA user_version = " + std::to_string(last));
  transaction.commit();
}

}  // namespace attnlab::store
