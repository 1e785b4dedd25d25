/// content.h: finds enwik8's bytes in whichever form they lie there, and proves what can be proved.
#pragma once

#include <filesystem>
#include <string>

#include "framework/config/run_config.h"
#include "framework/data/bytes.h"

namespace attnlab::data::enwik8 {

inline constexpr std::int64_t kBytes = 100'000'000;

/// The file that `config` means. Throws MissingData; says so when a prefix lies there unasked for.
[[nodiscard]] std::filesystem::path locate(const config::DatasetConfig& config,
                                           const std::string& data_dir);

/// The content: raw, .gz or .zip by the file's name. Throws Error when damaged.
[[nodiscard]] Bytes unpack(const std::filesystem::path& file);

struct Identity {
  std::string sha256;
  std::int64_t bytes = 0;     // kBytes, or fewer for a prefix
  std::int64_t verified = 0;  // leading bytes that a published checksum vouches for
};
/// Throws Error when the content is neither enwik8 nor, where `prefix` allows one, its beginning.
[[nodiscard]] Identity identify(const Bytes& content, const std::filesystem::path& file,
                                bool prefix);

/// Throws Error when a prefix stands where the whole was asked for.
void require_allowed(std::int64_t bytes, const std::filesystem::path& file, bool prefix);

/// How many leading bytes of a genuine content of this size a published checksum covers.
[[nodiscard]] std::int64_t verifiable(std::int64_t bytes);

}  // namespace attnlab::data::enwik8
