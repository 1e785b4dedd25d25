#include "framework/store/embedded.h"
#include "framework/store/open.h"

namespace attnlab::store {
namespace {

constexpr const char* kSteps[] = {kSchemaSql, kSchema2Sql};

std::string newer(const std::string& path, std::int64_t found, std::size_t known) {
  return "'" + path + "' was written by a newer attnlab: its schema is version " +
         std::to_string(found) + ", this program knows versions up to " + std::to_string(known) +
         ". Update attnlab, or use another file with --db FILE.";
}

}  // namespace

std::span<const char* const> migrations() { return kSteps; }

void migrate(const Connection& connection, std::span<const char* const> steps, const char* views) {
  const auto version = [&] { return connection.integer("PRAGMA user_version", 0); };
  const auto last = static_cast<std::int64_t>(steps.size());
  if (version() > last) throw Error(newer(connection.path(), version(), steps.size()));
  if (version() == last) return;
  Transaction transaction(connection);
  // Asked again under the lock: another process may have done it meanwhile.
  for (auto step = version(); step < last; ++step) {
    connection.execute(steps[static_cast<std::size_t>(step)]);
  }
  connection.execute(views);
  connection.execute("PRAGMA application_id = " + std::to_string(kApplicationId));
  connection.execute("PRAGMA user_version = " + std::to_string(last));
  transaction.commit();
}

}  // namespace attnlab::store
