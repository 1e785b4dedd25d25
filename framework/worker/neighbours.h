/// neighbours.h: whether other work computes on the node of a run that Slurm started. Of a run on the launcher's
///   own machine the launcher knows (launch/launcher.cpp).
#pragma once

#include <thread>

#include "framework/core/metric.h"

namespace attnlab::worker {

class Neighbours {
 public:
  /// Looks every few seconds from a thread of its own, while it lives; once there is somebody, the sink gets
  /// the fact `shared` = 1, and that was it. What counts: launch/slurm/node.h.
  explicit Neighbours(MetricSink& sink);

 private:
  std::jthread thread_;
};

}  // namespace attnlab::worker
