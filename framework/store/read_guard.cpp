#include "framework/store/read_guard.h"

#include <sqlite3.h>

#include <array>
#include <string_view>

namespace attnlab::store {
namespace {

/// Pragmas that only tell. Those with a table's name as argument stand in the first row.
constexpr std::array<std::string_view, 18> kTellingPragmas{
    "table_info",     "table_xinfo",      "table_list",      "index_list",    "index_info",
    "index_xinfo",    "foreign_key_list", "integrity_check", "quick_check",   "user_version",
    "application_id", "page_count",       "page_size",       "database_list", "compile_options",
    "function_list",  "journal_mode",     "freelist_count"};
constexpr std::size_t kWithArgument = 9;

int allow_pragma(const char* name, const char* argument) {
  for (std::size_t i = 0; i < kTellingPragmas.size(); ++i) {
    if (kTellingPragmas[i] == name) return !argument || i < kWithArgument ? SQLITE_OK : SQLITE_DENY;
  }
  return SQLITE_DENY;
}

int authorize(void*, int action, const char* first, const char* second, const char*, const char*) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_FUNCTION:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_PRAGMA:
      return allow_pragma(first, second);
    // Asked about where a table-valued function (json_each) is set up in memory. The file itself is
    // out of reach: mode=ro, query_only, defensive.
    case SQLITE_UPDATE:
      return std::string_view(first) == "sqlite_master" ? SQLITE_OK : SQLITE_DENY;
    default:
      return SQLITE_DENY;
  }
}

}  // namespace

ReadGuard::ReadGuard(const Connection& connection) : database_(connection.handle()) {
  connection.execute("PRAGMA query_only = 1; PRAGMA temp_store = MEMORY");
  // Otherwise "no_such_column" in double quotes would silently be a text.
  sqlite3_db_config(database_, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(database_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_set_authorizer(database_, authorize, nullptr);
  const auto late = [](void* guard) {
    const auto& self = *static_cast<const ReadGuard*>(guard);
    return self.seconds_ > 0 && std::chrono::steady_clock::now() > self.deadline_ ? 1 : 0;
  };
  sqlite3_progress_handler(database_, 10'000, late, this);
}

ReadGuard::~ReadGuard() { sqlite3_progress_handler(database_, 0, nullptr, nullptr); }

void ReadGuard::start() {
  using std::chrono::steady_clock;
  deadline_ = steady_clock::now() + std::chrono::duration_cast<steady_clock::duration>(
                                        std::chrono::duration<double>(seconds_));
}

}  // namespace attnlab::store
