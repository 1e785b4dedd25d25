/// require.h: what a fuzz target says before it gives up, so that the finding explains itself.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace attnlab::fuzz {

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: not so: %s\n", what);
  std::abort();  // libFuzzer keeps the input
}

}  // namespace attnlab::fuzz
