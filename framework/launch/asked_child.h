/// asked_child.h: one question to a worker, answered by a child process. Main thread only; a stop signal throws
///   Error with kExitInterrupted.
#pragma once

#include <functional>
#include <vector>

#include "framework/launch/worker_protocol.h"

namespace attnlab::launch {

/// Scores `spec.checkpoint` on `spec.split`. `progress` gets reports of kind "step": sequences done, of how
/// many. Returns those of kind "metric": name, value and unit. Throws Error: what the worker refused or
/// failed at, how it died.
[[nodiscard]] std::vector<Report> evaluate_in_child(const RunSpec& spec,
                                                    const std::function<void(const Report&)>& progress);

/// What a variant's attention owns under a model: of `spec` the plugin and the sections model, attention and
/// dataset (its length) count. Every tensor of every layer, in order. Throws Error: the plugin refuses the
/// combination, cannot be loaded, crashes, is not through after `seconds`.
[[nodiscard]] std::vector<OwnedTensor> owned_in_child(const RunSpec& spec, double seconds = 120);

}  // namespace attnlab::launch
