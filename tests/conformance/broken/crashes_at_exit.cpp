// crashes_at_exit.cpp: right, until the process ends.
#include <cstdlib>

#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct AtExit {
  ~AtExit() { std::abort(); }
} at_exit;

struct CrashesAtExit final : broken::Base {
  using Base::Base;
};

}  // namespace

BROKEN_PLUGIN("crashes_at_exit", CrashesAtExit, (broken::kTraits))

}  // namespace attnlab
