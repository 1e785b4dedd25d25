/// find_run.h: the run that a word on a command line means.
#pragma once

#include <cstdint>
#include <string>

#include "framework/store/reader.h"

namespace attnlab::cli {

/// A run's number, or the first digits of a fingerprint, where it means the attempt that is done, else
/// the newest. Throws Error where there is none, or several.
[[nodiscard]] std::int64_t find_run(const store::Reader& reader, const std::string& word);

}  // namespace attnlab::cli
