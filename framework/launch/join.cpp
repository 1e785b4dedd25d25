#include "framework/launch/join.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "framework/core/error.h"
#include "framework/core/output.h"

namespace attnlab::launch {
namespace {

constexpr int kFarFromReports = 100;  // kReportFd is taken for a pipe to a parent

// A file without a name: nobody has to take it away. It stays open for the program that comes.
std::string held_in_memory(const std::string& text) {
  const int low = ::memfd_create("spec.json", MFD_CLOEXEC);
  const int fd = low < 0 ? -1 : ::fcntl(low, F_DUPFD, kFarFromReports);
  if (fd < 0 || ::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    throw errno_error("cannot hold a run's spec in memory");
  }
  return "/proc/self/fd/" + std::to_string(fd);
}

}  // namespace

void become_rank(const Cell& cell, const std::filesystem::path& worker) {
  RunSpec spec = cell.spec;
  spec.database.clear();
  spec.fingerprint = cell.record.fingerprint;
  spec.planned = cell.record.fingerprint_parts;
  if (spec.config.as_map().empty()) spec.config = config::from_json(cell.record.config_json, "the record");
  const auto file = held_in_memory(to_json(spec));
  flush_output();
  ::execl(worker.c_str(), worker.c_str(), "run", file.c_str(), nullptr);
  throw Error("cannot run '" + worker.string() + "': " + std::strerror(errno) + ". Is it built and executable?");
}

}  // namespace attnlab::launch
