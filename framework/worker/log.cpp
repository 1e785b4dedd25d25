#include "framework/worker/log.h"

#include <array>
#include <cstdio>
#include <ctime>

namespace attnlab::worker {
namespace {

void write(const char* level, const std::string& line) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  std::array<char, 32> stamp{};
  std::strftime(stamp.data(), stamp.size(), "%Y-%m-%d %H:%M:%S", ::localtime_r(&now, &parts));
  std::fprintf(stderr, "%s %s %s\n", stamp.data(), level, line.c_str());
}

}  // namespace

void log_info(const std::string& line) { write("info", line); }
void log_error(const std::string& line) { write("error", line); }

}  // namespace attnlab::worker
