/// run.h: one run from its spec to its last row.
#pragma once

#include "framework/launch/worker_protocol.h"

namespace attnlab::worker {

/// Trains as the spec says and stores everything. Returns the worker's exit code; the status and
/// reason are in the store and in the last report. Throws nothing.
[[nodiscard]] int run(const launch::RunSpec& spec);

}  // namespace attnlab::worker
