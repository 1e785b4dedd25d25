#include "framework/checkpoint/durable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "framework/core/error.h"

namespace attnlab::checkpoint {

void DurableFile::fail(const char* doing) const {
  const int reason = errno;
  throw Error(std::string("cannot ") + doing + " '" + path_.string() + "': " +
              std::strerror(reason) + (reason == ENOSPC || reason == EDQUOT ? ". Free some space" : ""));
}

DurableFile::DurableFile(const std::filesystem::path& path)
    : path_(path), file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
  if (!file_) fail("make");
}

void DurableFile::write(std::string_view bytes) {
  if (!write_all(file_.number(), bytes)) fail("write");
  digest_.add(bytes);
  size_ += bytes.size();
}

std::string DurableFile::finish() {
  if (::fsync(file_.number()) != 0 || !file_.close()) fail("write");
  return digest_.hex();
}

void sync_folder(const std::filesystem::path& folder) {
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened) throw errno_error("cannot open '" + folder.string() + "'");
  // Some file systems cannot sync a folder, and say so; they have their own order.
  if (::fsync(opened.number()) == 0 || errno == EINVAL) return;
  throw errno_error("cannot write '" + folder.string() + "'");
}

}  // namespace attnlab::checkpoint
