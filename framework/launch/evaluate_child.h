/// evaluate_child.h: scores a checkpoint in a child process.
#pragma once

#include <functional>
#include <vector>

#include "framework/launch/worker_protocol.h"

namespace attnlab::launch {

/// `spec.checkpoint` on `spec.split`. `progress` gets reports of kind "step": sequences done, of how
/// many. Returns those of kind "metric": name, value and unit. Throws Error: what the worker refused or
/// failed at, how it died; with kExitInterrupted on a stop signal. Main thread only.
[[nodiscard]] std::vector<Report> evaluate_in_child(const RunSpec& spec,
                                                    const std::function<void(const Report&)>& progress);

}  // namespace attnlab::launch
