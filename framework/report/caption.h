/// caption.h: what all runs of a table share, in words above it.
#pragma once

#include <string>
#include <vector>

#include "framework/report/study.h"

namespace attnlab::report {

/// Two lines: the data, called synthetic or a prefix where it is; then model, recipe, seeds,
/// device. Values that differ between the runs are listed.
[[nodiscard]] std::string caption_for(const std::vector<RunRow>& runs);

/// The data set in words, never silent about generated or partial data: "digits (synthetic)".
[[nodiscard]] std::string data_text(const std::vector<RunRow>& runs);

}  // namespace attnlab::report
