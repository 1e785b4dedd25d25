/// event_file.h: TensorBoard's event files: protocol buffers between their length and their CRC32C. The
///   three messages that scalars, a text and the hparams page need are written by hand; tests/report reads
///   them back with TensorBoard itself. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "framework/store/value.h"

namespace attnlab::report {

/// Castagnoli's: crc32c("123456789") is 0xE3069283.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes);
/// As it stands in a record: turned and shifted, so that a file of CRCs has useful ones of its own.
[[nodiscard]] std::uint32_t masked_crc32c(std::string_view bytes);

/// u64 length, its masked CRC, the message, its masked CRC; little-endian.
[[nodiscard]] std::string event_record(std::string_view message);

struct EventTime {
  double wall = 0;  // seconds since 1970-01-01 UTC
  std::int64_t step = 0;
};

// Each of these is a whole record.

/// The first one of a file.
[[nodiscard]] std::string version_event(double wall);
/// Kept as float32, which is all that TensorBoard's scalars have; NaN and infinities pass.
[[nodiscard]] std::string scalar_event(EventTime time, std::string_view tag, double value);
/// For the page TEXT, which shows Markdown.
[[nodiscard]] std::string text_event(EventTime time, std::string_view tag, std::string_view markdown);

using Parameters = std::vector<std::pair<std::string, store::Value>>;  // no NULL among them
enum class SessionEnd { success = 1, failure = 2 };
/// For the page HPARAMS: what the run was made with, and how it ended.
[[nodiscard]] std::string session_start_event(double wall, const Parameters& parameters);
[[nodiscard]] std::string session_end_event(double wall, SessionEnd end);

}  // namespace attnlab::report
