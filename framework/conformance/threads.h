/// threads.h: how many threads LibTorch's operators use, for a scope.
#pragma once

#include <ATen/Parallel.h>

#include <cstdint>

namespace attnlab::conformance {

class Threads {
 public:
  explicit Threads(int count) : before_(at::get_num_threads()) { at::set_num_threads(count); }
  ~Threads() { at::set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

/// Of a short case threads would only wait for each other, on a processor each.
[[nodiscard]] inline int threads_for(std::int64_t length) {
  return length < 500 ? 1 : at::get_num_threads();
}

}  // namespace attnlab::conformance
