#include "framework/checkpoint/durable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "framework/core/error.h"

namespace attnlab::checkpoint {

void DurableFile::fail(const char* doing) const {
  const int reason = errno;
  throw Error(std::string("cannot ") + doing + " '" + path_.string() + "': " +
              std::strerror(reason) + (reason == ENOSPC || reason == EDQUOT ? ". Free some space" : ""));
}

DurableFile::DurableFile(const std::filesystem::path& path) : path_(path) {
  fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) fail("make");
}

DurableFile::~DurableFile() {
  if (fd_ >= 0) ::close(fd_);
}

void DurableFile::write(std::string_view bytes) {
  constexpr std::size_t kMost = 64 << 20;  // write() takes 2 GiB at most
  while (!bytes.empty()) {
    const auto written = ::write(fd_, bytes.data(), std::min(bytes.size(), kMost));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("write");
    const auto part = bytes.substr(0, static_cast<std::size_t>(written));
    digest_.add(part);
    size_ += part.size();
    bytes.remove_prefix(part.size());
  }
}

std::string DurableFile::finish() {
  if (::fsync(fd_) != 0) fail("write");
  if (::close(std::exchange(fd_, -1)) != 0) fail("write");
  return digest_.hex();
}

void sync_folder(const std::filesystem::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) throw Error("cannot open '" + folder.string() + "': " + std::strerror(errno));
  // Some file systems cannot sync a folder, and say so; they have their own order.
  const bool failed = ::fsync(fd) != 0 && errno != EINVAL;
  const int reason = errno;
  ::close(fd);
  if (failed) throw Error("cannot write '" + folder.string() + "': " + std::strerror(reason));
}

}  // namespace attnlab::checkpoint
