/// draw.h: what a random case is drawn with.
#pragma once

#include <cstdint>

#include "framework/config/node.h"
#include "framework/core/random.h"
#include "framework/plugin/note.h"

namespace attnlab::conformance {

/// Numbers of one random case, one after the other.
class Draw {
 public:
  Draw(std::uint64_t seed, std::uint64_t number) : stream_(seed, "conformance.case", {number}) {}
  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(stream_.below(static_cast<std::uint64_t>(bound), next_++));
  }
  double uniform() { return stream_.uniform(next_++); }
  bool coin() { return below(2) == 1; }
  template <class List>
  const auto& of(const List& list) {
    return list[static_cast<std::size_t>(below(static_cast<std::int64_t>(list.size())))];
  }

 private:
  RandomStream stream_;
  std::uint64_t next_ = 0;
};

/// `given`, and of the plugin's other parameters about half, anywhere in their ranges.
[[nodiscard]] config::Map draw_parameters(const plugin::PluginNote& note, const config::Map& given,
                                          std::int64_t length, Draw& draw);

}  // namespace attnlab::conformance
