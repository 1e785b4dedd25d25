/// resume_point.h: where a cell that was stopped would go on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "framework/store/reader.h"

namespace attnlab::cli {

struct ResumePoint {
  std::int64_t attempt = 0, step = 0;
};

/// The newest checkpoint of this fingerprint that its stopped attempts have left, back to the last one that
/// began from scratch: what a worker would take, as far as its state.json tells; the worker reads all of it.
/// `database` is the file that `reader` reads.
[[nodiscard]] std::optional<ResumePoint> resume_point(const store::Reader& reader, const std::filesystem::path& database,
                                                      const std::string& fingerprint);

}  // namespace attnlab::cli
