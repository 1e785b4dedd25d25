#include "framework/data/part_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "framework/core/error.h"

namespace attnlab::data {
namespace {

/// False when another process gave the file its final name between our open and our lock.
bool is_still_at(const std::filesystem::path& path, int descriptor) {
  struct stat here {
  }, there{};
  return ::fstat(descriptor, &here) == 0 && ::stat(path.c_str(), &there) == 0 &&
         here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

[[noreturn]] void fail(const std::string& what) { throw Error(what + ": " + std::strerror(errno)); }

}  // namespace

PartFile::PartFile(std::filesystem::path path)
    : path_(std::move(path)),
      descriptor_(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
  if (descriptor_ < 0) fail("cannot write '" + path_.string() + "'");
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 || !is_still_at(path_, descriptor_)) {
    ::close(descriptor_);
    throw Error("'" + path_.string() +
                "' is being downloaded by another process. Wait for it, then try again.");
  }
}

PartFile::~PartFile() {
  if (size() == 0) ::unlink(path_.c_str());
  ::close(descriptor_);
}

std::int64_t PartFile::size() const {
  struct stat status {};
  return ::fstat(descriptor_, &status) == 0 ? status.st_size : 0;
}

void PartFile::clear() {
  if (::ftruncate(descriptor_, 0) != 0) fail("cannot empty '" + path_.string() + "'");
}

void PartFile::publish(const std::filesystem::path& target) {
  if (::fsync(descriptor_) != 0) fail("cannot write '" + path_.string() + "'");
  if (::rename(path_.c_str(), target.c_str()) != 0) fail("cannot write '" + target.string() + "'");
}

}  // namespace attnlab::data
