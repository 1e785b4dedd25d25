/// writing.h: a claimed run and what its database says of it.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "tests/store/support.h"

namespace attnlab::store {

/// Whether `condition` came true within five seconds.
inline bool comes_true(const std::function<bool()>& condition) {
  for (int i = 0; i < 500; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

class Writing : public InFolder {
 protected:
  [[nodiscard]] std::int64_t rows() const { return count(path_, "SELECT count(*) FROM metrics"); }
  [[nodiscard]] std::string status() const { return words(path_, "SELECT status FROM runs"); }
  std::int64_t run_ = Store(path_).claim(cell(1), Owner::of_this_process()).run_id;
};

}  // namespace attnlab::store
