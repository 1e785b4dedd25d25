/// labels.h: the cells of a plan in few words: what differs between them.
#pragma once

#include <string>
#include <vector>

#include "framework/plan/plan.h"

namespace attnlab::plan {

/// One per cell: the variant, then the values that are not the same in all cells, as in
/// "hash_sparse buckets=8 seed=1". A variant's parameters are compared within the variant, a data
/// set's keys within the data set; cosmetic keys are left out.
[[nodiscard]] std::vector<std::string> labels_of(const std::vector<Cell>& cells);

}  // namespace attnlab::plan
