/// gzip.h: a whole .gz file to memory (RFC 1952, several members allowed).
#pragma once

#include <filesystem>

#include "framework/data/bytes.h"

namespace attnlab::data {

/// Throws Error, each naming the file, what was expected and what was found: not gzip at all,
/// damaged, cut short, bytes after the end, or more than `limit` bytes unpacked.
[[nodiscard]] Bytes gunzip(const std::filesystem::path& file,
                           std::size_t limit = std::size_t{1} << 30);

/// True when the name ends in `.gz`.
[[nodiscard]] bool is_gzip_name(const std::filesystem::path& file);

}  // namespace attnlab::data
