/// durable_file.h: files that stand on the disk when they are said to.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "framework/core/descriptor.h"
#include "framework/core/digest.h"

namespace attnlab::checkpoint {

/// A new file, digested while it is written. Everything throws Error with the file's name and the
/// system's reason: a full disk, a limit, a folder that is gone. What is not finished is closed only.
class DurableFile {
 public:
  explicit DurableFile(const std::filesystem::path& path);

  void write(std::string_view bytes);
  /// Waits until the bytes are on the disk and closes. Returns their SHA-256.
  std::string finish();
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  [[noreturn]] void fail(const char* doing) const;
  std::filesystem::path path_;
  Descriptor file_;
  std::uint64_t size_ = 0;
  Sha256 digest_;
};

/// What a folder lists now is on the disk. Throws Error.
void sync_folder(const std::filesystem::path& folder);

}  // namespace attnlab::checkpoint
