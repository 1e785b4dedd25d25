// left_out.cpp: stands for bench.cpp and check.cpp where ATTNLAB_INSTRUMENTS is OFF.
#include "framework/core/error.h"
#include "framework/launch/worker_protocol.h"
#include "framework/worker/job.h"
#include "framework/worker/parent_watch.h"

namespace attnlab::worker {
namespace {

std::string not_here(const std::string& what) {
  return "this build has no " + what + ": it was made by `./dev demo`, or with ATTNLAB_INSTRUMENTS=OFF. `./dev build` adds it.";
}

}  // namespace

Ending time(const Prepared&, Session&) { throw Error(not_here("`bench`")); }

int check(const launch::CheckRequest&) {
  const Reporter reporter(report_fd());
  reporter.send(launch::CheckReport{.kind = "refused", .text = not_here("`plugin check`")});
  return kExitError;
}

std::string properties() { return ""; }

std::string gpu_state() { return ""; }

}  // namespace attnlab::worker
