/// digest_cache.h: what earlier checks of large files found, so that planning need not read them.
///   One line per file in ~/.cache/attnlab/digests; a file counts as unchanged while its path, size, inode,
///   modification time and change time are. The last one nobody can set back, as `touch -r`, rsync and
///   tar do with the other. A cache that cannot be read or written is a slower run, not an error.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace attnlab::data {

/// What was read from a file that passed all its checks.
struct CheckedContent {
  std::string sha256;      // of the unpacked content
  std::int64_t bytes = 0;  // of the unpacked content
};

/// Of a file as it was: taken before it is read, so that what is written meanwhile makes another one.
struct FileStamp {
  std::string stamp;  // "SIZE MODIFIED CHANGED INODE"; empty: nothing can be remembered of it
  std::string path;   // last on its line, since it may hold blanks
};
[[nodiscard]] FileStamp stamp_of(const std::filesystem::path& file);

[[nodiscard]] std::optional<CheckedContent> remembered(const FileStamp& file);
void remember(const FileStamp& file, const CheckedContent& content) noexcept;

}  // namespace attnlab::data
