/// as_planned.h: whether a run finds what it was planned with.
#pragma once

#include "framework/launch/worker_protocol.h"
#include "framework/worker/prepare.h"

namespace attnlab::worker {

/// A grid is planned once and runs for days: a plugin, attnlab or data that changed meanwhile would be stored
/// under the old fingerprint. Throws Error naming what is another: data, plugin, engine, kernels, compiler. The
/// device and the environment's variables are not asked: the launcher and this program set some.
void expect_as_planned(const Prepared& prepared, const launch::RunSpec& spec);

}  // namespace attnlab::worker
