/// bytes.h: whole files in memory, and numbers as messages print them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

namespace attnlab::data {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

/// Throws Error with the file and the system's reason.
[[nodiscard]] Bytes read_file(const std::filesystem::path& file);

/// The same bytes as text, for core's digests.
[[nodiscard]] inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace attnlab::data
