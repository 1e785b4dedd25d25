/// log.h: time-stamped lines in the run's log. Thread-safe; throws nothing.
#pragma once

#include <string>

namespace attnlab::worker {

void log_info(const std::string& line);
void log_error(const std::string& line);

}  // namespace attnlab::worker
