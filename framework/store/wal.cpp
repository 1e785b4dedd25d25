// wal.cpp: the one place where a WAL is folded back; schema.sql says why there is one.
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>

#include "framework/core/descriptor.h"
#include "framework/store/open.h"

namespace attnlab::store {

void fold_wal(const Connection& connection) {
  const auto lock_path = connection.path() + ".checkpoint";
  const Descriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!lock || ::flock(lock.number(), LOCK_EX | LOCK_NB) != 0) return;
  // A connection that has read nothing yet checkpoints nothing, silently.
  connection.run("SELECT count(*) FROM studies");
  // Without waiting: what readers still need stays for the next time.
  sqlite3_busy_timeout(connection.handle(), 0);
  sqlite3_wal_checkpoint_v2(connection.handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  sqlite3_busy_timeout(connection.handle(), 10'000);
}

// Whoever copies the file alone has all of it then, and one that is copied over it meets no old WAL.
void fold_wal_at_end(const Connection& connection) noexcept try {
  if (connection.displaced().empty()) fold_wal(connection);
} catch (const std::exception&) {
  return;  // a full disk: what is in the WAL is safe there
}

}  // namespace attnlab::store
