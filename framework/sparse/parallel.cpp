// The one file compiled with -fopenmp: without it at::parallel_for runs on one thread, and with it
// GCC would refuse the precompiled header. At run time LibTorch's own libgomp serves both.
#include "framework/sparse/parallel.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>

namespace attnlab::sparse {

void share(std::int64_t count,
           const std::function<void(const std::function<std::int64_t()>& next)>& work) {
  if (count <= 0) return;
  std::atomic<std::int64_t> taken{0};
  const auto next = [&]() -> std::int64_t {
    const std::int64_t item = taken.fetch_add(1, std::memory_order_relaxed);
    return item < count ? item : -1;
  };
  const std::int64_t threads = std::min<std::int64_t>(count, at::get_num_threads());
  at::parallel_for(0, threads, 1, [&](std::int64_t, std::int64_t) { work(next); });
}

}  // namespace attnlab::sparse
