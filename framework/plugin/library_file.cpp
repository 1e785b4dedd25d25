#include "framework/plugin/library_file.h"

#include <system_error>

namespace attnlab::plugin {

LibraryFile::LibraryFile(const std::filesystem::path& path) : path_(path) {
  std::error_code failed;
  if (!std::filesystem::exists(path, failed)) throw error("no such file");
  // A pipe or a device would block or never end.
  if (!std::filesystem::is_regular_file(path, failed)) throw error("not a regular file");
  stream_.open(path, std::ios::binary);
  if (!stream_) throw error("cannot be read; check its permissions");
  size_ = std::filesystem::file_size(path);
}

Error LibraryFile::error(const std::string& what) const {
  return Error(path_.string() + ": " + what);
}

void LibraryFile::need(std::uint64_t offset, std::uint64_t count, const std::string& what) const {
  if (offset <= size_ && count <= size_ - offset) return;
  throw error("truncated or damaged: " + what + " should lie at byte " + std::to_string(offset) +
              " with " + std::to_string(count) + " bytes, but the file has " +
              std::to_string(size_) + ". Build or copy it again.");
}

void LibraryFile::read(std::uint64_t offset, void* to, std::uint64_t count,
                       const std::string& what) const {
  need(offset, count, what);
  if (count == 0) return;
  stream_.clear();
  stream_.seekg(static_cast<std::streamoff>(offset));
  if (!stream_.read(static_cast<char*>(to), static_cast<std::streamsize>(count))) {
    throw error("cannot read " + what);
  }
}

}  // namespace attnlab::plugin
