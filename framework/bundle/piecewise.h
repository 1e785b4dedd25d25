/// piecewise.h: many bytes in pieces, and how far they are.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <string>

#include "framework/core/status_lines.h"
#include "framework/core/text.h"

namespace attnlab::bundle {

inline constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

/// Says so on stderr every now and then, where it takes longer than a moment.
class Piecewise {
 public:
  Piecewise(std::string doing, std::int64_t total) : doing_(std::move(doing)), total_(total) {}
  void passed(std::int64_t bytes) {
    done_ += bytes;
    const double now = clock_seconds();
    if (now < begun_ + 1 || !lines_.due(now)) return;
    lines_.show({doing_ + ": " + human_bytes(static_cast<double>(done_)) + " of " + human_bytes(static_cast<double>(total_))}, now);
  }

 private:
  std::string doing_;
  std::int64_t total_, done_ = 0;
  double begun_ = clock_seconds();
  StatusLines lines_{STDERR_FILENO, 10};
};

}  // namespace attnlab::bundle
