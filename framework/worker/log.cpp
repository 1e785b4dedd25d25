#include "framework/worker/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace attnlab::worker {
namespace {

spdlog::logger& logger() {
  static const auto log = [] {
    auto made = spdlog::stderr_logger_mt("worker");
    made->set_pattern("%Y-%m-%d %H:%M:%S %l %v");
    return made;
  }();
  return *log;
}

}  // namespace

void log_info(const std::string& line) { logger().info("{}", line); }
void log_error(const std::string& line) { logger().error("{}", line); }

}  // namespace attnlab::worker
