#include "framework/data/part_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "framework/core/error.h"

namespace attnlab::data {

PartFile::PartFile(std::filesystem::path path)
    : path_(std::move(path)),
      descriptor_(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
  if (!descriptor_) throw errno_error("cannot write '" + path_.string() + "'");
  // Another process may have given it its final name between our open and our lock.
  if (::flock(descriptor(), LOCK_EX | LOCK_NB) != 0 || !is_still_at(path_, descriptor())) {
    throw Error("'" + path_.string() +
                "' is being downloaded by another process. Wait for it, then try again.");
  }
}

PartFile::~PartFile() {
  if (size() == 0) ::unlink(path_.c_str());
}

void PartFile::clear() {
  if (::ftruncate(descriptor(), 0) != 0) throw errno_error("cannot empty '" + path_.string() + "'");
}

void PartFile::publish(const std::filesystem::path& target) {
  if (::fsync(descriptor()) != 0) throw errno_error("cannot write '" + path_.string() + "'");
  if (::rename(path_.c_str(), target.c_str()) != 0) throw errno_error("cannot write '" + target.string() + "'");
}

}  // namespace attnlab::data
