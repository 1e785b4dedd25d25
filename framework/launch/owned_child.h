/// owned_child.h: what a variant's attention owns under a model, found out by a child process that
///   builds its layers.
#pragma once

#include <vector>

#include "framework/launch/worker_protocol.h"

namespace attnlab::launch {

/// Of `spec` the plugin and the sections model, attention and dataset (its length) count. Every
/// tensor of every layer, in order. Throws Error: the plugin refuses the combination, cannot be loaded,
/// crashes, is not through after `seconds`; on SIGINT and SIGTERM. Main thread only.
[[nodiscard]] std::vector<OwnedTensor> owned_in_child(const RunSpec& spec, double seconds = 120);

}  // namespace attnlab::launch
