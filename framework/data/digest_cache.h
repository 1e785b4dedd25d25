/// digest_cache.h: what earlier checks of large files found, so that planning need not read them.
///   One line per file in ~/.cache/attnlab/digests; a file counts as unchanged while its path, size
///   and modification time are. A cache that cannot be read or written is a slower run, not an
///   error.
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

[[nodiscard]] std::optional<CheckedContent> remembered(const std::filesystem::path& file);
void remember(const std::filesystem::path& file, const CheckedContent& content) noexcept;

}  // namespace attnlab::data
