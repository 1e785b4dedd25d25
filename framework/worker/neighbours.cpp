#include "framework/worker/neighbours.h"

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>

#include "framework/launch/slurm/node.h"

namespace attnlab::worker {
namespace {

constexpr std::chrono::seconds kLookAroundEvery{2};

void look_around(const std::stop_token& over, MetricSink& sink) {
  const char* const job = std::getenv("SLURM_JOB_ID");
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any pause;
  while (!over.stop_requested()) {
    if (launch::slurm::others_on_node(job == nullptr ? "" : job)) return sink.fact("shared", "1");
    pause.wait_for(lock, over, kLookAroundEvery, [] { return false; });
  }
}

}  // namespace

Neighbours::Neighbours(MetricSink& sink) : thread_([&sink](const std::stop_token& over) { look_around(over, sink); }) {}

}  // namespace attnlab::worker
