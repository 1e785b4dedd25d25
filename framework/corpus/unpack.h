/// unpack.h: gzip and Zstandard undone as a stream, told apart by their first bytes, not by names:
///   RFC 1952 with several members, RFC 8878 with several and skippable frames, or neither.
#pragma once

#include <memory>

#include "framework/corpus/byte_source.h"

namespace attnlab::corpus {

enum class Packing { none, gzip, zstd };

/// By the first bytes; at least four decide.
[[nodiscard]] Packing packing_of(std::span<const std::uint8_t> first_bytes);

/// The content of `packed`, which must outlive it. Reading throws Error with the place: damaged
/// data, an end in the middle, bytes after the end, a window above 128 MiB.
[[nodiscard]] std::unique_ptr<ByteSource> unpack(Peekable& packed);

}  // namespace attnlab::corpus
