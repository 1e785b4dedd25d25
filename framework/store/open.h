/// open.h: opens a results database, or says in words why not. Everything here throws Error.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "framework/store/sqlite.h"

namespace attnlab::store {

inline constexpr std::int64_t kApplicationId = 0x6174746e;  // "attn", in bytes 68..71 of the file
/// Steps from an empty file to the present schema; step i leads from version i to i + 1.
[[nodiscard]] std::span<const char* const> migrations();
[[nodiscard]] std::int64_t last_version();

/// Creates the folder and the file where they are missing, switches to WAL, migrates. Refuses a
/// folder that cannot be made or written, a network file system, and a file that is corrupt, no
/// SQLite, another program's, or of a newer schema.
[[nodiscard]] Connection open_for_writing(const std::string& path);

/// For a worker: the file is there, and who started the worker has looked it over. Never creates.
[[nodiscard]] Connection open_existing(const std::string& path);

/// Never creates, migrates or changes anything. Works in a folder without write permission too. Who holds a lock is waited
/// for `patience` seconds at a time.
[[nodiscard]] Connection open_for_reading(const std::string& path, double patience = 10);

/// The same for a database of any version that migrate() takes.
[[nodiscard]] Connection open_of_any_version(const std::string& path, double patience = 10);

/// A copy of one state of `old`, which may be in use, at the last version; of nothing: an empty database.
/// It has no name any more when this returns, and is gone with the connection. `folder` is where its
/// room is taken.
[[nodiscard]] Connection updated_copy(const Connection* old, const std::filesystem::path& folder);

/// All pages of `source`, which may be in use, as they are at one moment.
void copy_pages(const Connection& source, const Connection& copy);

/// Folds the WAL back, unless another process is doing so. Never waits for readers.
void fold_wal(const Connection& connection);
/// The same for whoever is about to close it, where the files are still there.
void fold_wal_at_end(const Connection& connection) noexcept;

/// Brings `connection` to the last version and makes those views anew that stand otherwise in the
/// file, in one transaction. Refuses a version that is none of 0 to the last one.
void migrate(const Connection& connection, std::span<const char* const> steps, const char* views);

/// Version of an attnlab database; 0 where nothing is in the file yet. Refuses the databases of
/// other programs, newer ones, and versions that nobody wrote.
[[nodiscard]] std::int64_t version_of(const Connection& connection, std::int64_t last);

/// Whether all views stand in the file as this program has them.
[[nodiscard]] bool has_views(const Connection& connection, const char* views);

/// Of the SQLite that this process uses: "3.40.1".
[[nodiscard]] std::string sqlite_version();
/// Whether it is one of those that can corrupt a WAL when two connections checkpoint close together
/// (schema.sql): before 3.51.3, but for 3.50.7 and 3.44.6 and what follows them.
[[nodiscard]] bool has_wal_reset_bug(int version);  // 3040001
[[nodiscard]] bool has_wal_reset_bug();

/// The network file system behind statfs's magic number, or "": WAL needs memory that all
/// processes share, which such a file system does not give.
[[nodiscard]] std::string network_file_system(std::uint64_t magic);
/// The same of a folder; nothing where it cannot be told.
[[nodiscard]] std::optional<std::string> network_below(const std::filesystem::path& folder);
[[nodiscard]] std::string network_refusal(const std::string& folder, const std::string& kind);

}  // namespace attnlab::store
