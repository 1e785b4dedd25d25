/// data_sets.h: runs that can stand in one table: those on the same data.
#pragma once

#include <vector>

#include "framework/report/study.h"

namespace attnlab::report {

/// One list per data set, in order of first appearance; a data set of which one config met several
/// contents (a path with another corpus behind it) has one for each content.
[[nodiscard]] std::vector<Runs> by_data_set(Runs runs);

}  // namespace attnlab::report
