/// limits.h: the refusals that several data sets share.
#pragma once

#include <cstdint>
#include <string>

#include "framework/config/run_config.h"
#include "framework/data/dataset.h"

namespace attnlab::data {

/// Throws Error when length is beyond info.max_length.
void require_length(std::int64_t length, const DatasetInfo& info);

/// Empty, or why documents cannot be kept apart on this data.
[[nodiscard]] std::string documents_refusal(const DatasetInfo& info, config::Documents documents);

/// Throws Error when a data set whose sequences are whole, not windows of a text, is given a stride.
void require_no_stride(const config::DatasetConfig& config);

/// Throws Error when a data set that is generated is given a file.
void require_no_path(const config::DatasetConfig& config);

}  // namespace attnlab::data
