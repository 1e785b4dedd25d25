/// part_file.h: a file that is still being downloaded, held by one process at a time.
#pragma once

#include <cstdint>
#include <filesystem>

#include "framework/core/descriptor.h"

namespace attnlab::data {

/// Opens or creates `path`, and locks it. An empty one is removed at the end.
class PartFile {
 public:
  /// Throws Error when it cannot be written or another process is downloading it.
  explicit PartFile(std::filesystem::path path);
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;
  ~PartFile();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] int descriptor() const { return descriptor_.number(); }  // appends
  [[nodiscard]] std::int64_t size() const { return file_bytes(descriptor()); }
  void clear();
  /// Makes the bytes durable and gives the file its final name, in one step. Throws Error.
  void publish(const std::filesystem::path& target);

 private:
  std::filesystem::path path_;
  Descriptor descriptor_;
};

}  // namespace attnlab::data
