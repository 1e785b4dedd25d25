// left_out.cpp: stands for bench.cpp and check.cpp where ATTNLAB_INSTRUMENTS is OFF.
#include "framework/core/build_info.h"
#include "framework/core/error.h"
#include "framework/launch/worker_protocol.h"
#include "framework/worker/job.h"

namespace attnlab::worker {

Ending time(const Prepared&, Session&) { throw Error(not_in_this_build("`bench`")); }

int check(const launch::CheckRequest&) {
  const Reporter reporter(report_fd());
  reporter.send(launch::CheckReport{.kind = "refused", .text = not_in_this_build("`plugin check`")});
  return kExitError;
}

std::string properties() { return ""; }

std::string gpu_state() { return ""; }

}  // namespace attnlab::worker
