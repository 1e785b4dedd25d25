/// bench.h: one timing from its spec to its last row.
#pragma once

#include "framework/launch/worker_protocol.h"

namespace attnlab::worker {

/// Times what the spec's section `bench` says and stores everything. Returns the worker's exit
/// code; the status and reason are in the store and in the last report. Throws nothing.
[[nodiscard]] int bench(const launch::RunSpec& spec);

}  // namespace attnlab::worker
